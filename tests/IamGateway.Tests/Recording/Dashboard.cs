using System.Text.Json;

namespace IamGateway.Tests.Recording;

/// <summary>The queries of the Grafana dashboards, with Grafana's variables replaced.</summary>
internal static class Dashboard
{
    public static IReadOnlyList<(string Panel, string Query)> Queries() =>
    [
        .. Repository.Files("config/grafana/dashboards", "*.json").SelectMany(file =>
        {
            var dashboard = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
            return Panels(dashboard).SelectMany(panel => panel.GetProperty("targets").EnumerateArray().Select(target =>
                ($"{Path.GetFileName(file)}: {panel.GetProperty("title").GetString()}",
                    Replaced(target.GetProperty("expr").GetString()!))));
        }),
    ];

    /// <summary>What the dashboards offer to choose from: the query behind each variable.</summary>
    public static IReadOnlyList<string> VariableQueries() =>
    [
        .. Repository.Files("config/grafana/dashboards", "*.json").SelectMany(file =>
            JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("templating").GetProperty("list")
                .EnumerateArray().Where(v => v.GetProperty("type").GetString() == "query")
                .Select(v => v.GetProperty("query").GetProperty("query").GetString()!)),
    ];

    /// <summary>The queries behind the marks in the dashboards' graphs.</summary>
    public static IReadOnlyList<string> AnnotationQueries() =>
    [
        .. Repository.Files("config/grafana/dashboards", "*.json").SelectMany(file =>
            JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("annotations").GetProperty("list")
                .EnumerateArray().Select(a => a.GetProperty("expr").GetString()!)).Distinct(),
    ];

    public static IEnumerable<JsonElement> Panels(JsonElement parent)
    {
        foreach (var panel in parent.GetProperty("panels").EnumerateArray())
        {
            if (panel.GetProperty("type").GetString() != "row")
                yield return panel;
            else if (panel.TryGetProperty("panels", out _))
            {
                foreach (var inner in Panels(panel))
                    yield return inner;
            }
        }
    }

    private static string Replaced(string query)
    {
        var replaced = query
            .Replace("$__rate_interval", "10s", StringComparison.Ordinal)
            .Replace("$__interval", "5s", StringComparison.Ordinal)
            .Replace("$__range", "1h", StringComparison.Ordinal)
            .Replace("$version", ".*", StringComparison.Ordinal)
            .Replace("$gateway", ".*", StringComparison.Ordinal);
        // $1 is label_replace's.
        Assert.DoesNotMatch(@"\$(?!1"")", replaced);
        return replaced;
    }
}
