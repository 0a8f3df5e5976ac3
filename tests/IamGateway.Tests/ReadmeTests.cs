using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DemoIam;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Recording;
using IamGateway.Tests.Recording;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Prometheus;

namespace IamGateway.Tests;

/// <summary>What README.md, dashboards and alerts say must be what the code does.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public void MetricsTable_NamesAndLabels_AreThoseOfTheGateway()
    {
        var documented = Repository.ReadmeTable("Metrics").Select(r => $"{r[0]}({r[1]})").Order();

        Assert.Equal(Metrics().Select(m => $"{m.Key}({string.Join(", ", m.Value)})").Order(), documented);
    }

    [Fact]
    public void DashboardsAndAlerts_EveryMetric_IsOneOfTheGateway()
    {
        var text = string.Join('\n', Dashboard.Queries().Select(q => q.Query).Concat(Dashboard.VariableQueries())
            .Concat(Dashboard.AnnotationQueries()))
            + Repository.Read("config/prometheus/alerts.yml");
        var named = MetricName().Matches(text).Select(m => m.Value).Distinct().ToArray();

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(Metrics().Keys).Except(Metrics().Keys.Where(IsHistogram)
            .SelectMany(m => new[] { m + "_bucket", m + "_count" })));
    }

    [Fact]
    public void Alerts_EveryRunbookLink_LeadsToAHeading()
    {
        var headings = Repository.Read("config/alerts.md").Split('\n').Where(l =>
            l.StartsWith("## ", StringComparison.Ordinal))
            .Select(l => $"config/alerts.md#{l[3..].ToLowerInvariant()}").Order();
        var links = Regex.Matches(Repository.Read("config/prometheus/alerts.yml"), "runbook_url: (.+)").Select(m =>
            m.Groups[1].Value);

        Assert.Equal(headings, links.Order());
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("SECURITY.md")]
    public void Tests_ThatAreNamed_AreThere(string document)
    {
        var classes = typeof(ReadmeTests).Assembly.GetTypes().Select(t => t.Name).ToHashSet();
        var named = TestName().Matches(Repository.Read(document)).Select(m => m.Groups[1].Value).Distinct().ToArray();

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(classes));
    }

    [Fact]
    public async Task RefusalsTable_CodesStatusAndRetryAfter_AreWhatIsSent()
    {
        var sent = new List<string>();
        foreach (var code in Enum.GetValues<RefusalCode>().Where(c => c != RefusalCode.None))
        {
            var http = new DefaultHttpContext();
            await Refusals.WriteAsync(http, code);
            var headers = http.Response.Headers;
            sent.Add($"{headers[Refusals.Header]} {http.Response.StatusCode} {headers.RetryAfter}");
        }

        Assert.Equal(sent.Order(), Repository.ReadmeTable("Refusals").Select(r => $"{r[0]} {r[1]} {r[2]}").Order());
    }

    [Fact]
    public void ConfigurationTable_Keys_AreThoseOfTheOptions() =>
        Assert.Equal(
            Options(typeof(GatewayOptions), new GatewayOptions(), "IamGateway").Select(o => o.Key).Order(),
            Repository.ReadmeTable("Keys of IamGateway").Select(r => r[0]).Order());

    [Fact]
    public void ConfigurationTable_Defaults_AreThoseOfTheOptions()
    {
        var documented = Repository.ReadmeTable("Keys of IamGateway").ToDictionary(r => r[0], r => r[1]);

        Assert.All(Options(typeof(GatewayOptions), new GatewayOptions(), "IamGateway"), option => Assert.Equal(
            (option.Key, Text(option.Default)),
            (option.Key, option.Default is TimeSpan
                ? Text(Duration(documented[option.Key])) : documented[option.Key])));
    }

    public static TheoryData<string, string, string> Ranges() =>
    [
        .. Repository.ReadmeTable("Keys of IamGateway").Where(r => r[2].Contains(" to ", StringComparison.Ordinal)
            && r[2].Contains(':', StringComparison.Ordinal))
            .Select(r => new TheoryDataRow<string, string, string>(r[0], r[2].Split(" to ")[0], r[2].Split(" to ")[1])),
    ];

    [Theory]
    [MemberData(nameof(Ranges))]
    public void ConfigurationTable_Range_IsTheOneThatIsChecked(string key, string low, string high)
    {
        var step = TimeSpan.FromMilliseconds(1);

        Assert.Empty(ProblemsOf(key, Duration(low)));
        Assert.Empty(ProblemsOf(key, Duration(high)));
        Assert.StartsWith(key + ":", Assert.Single(ProblemsOf(key, Duration(low) - step)), StringComparison.Ordinal);
        Assert.StartsWith(key + ":", Assert.Single(ProblemsOf(key, Duration(high) + step)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AdminApiTable_Calls_AreThoseOfTheOpenApiDescription()
    {
        await using var instance =
            await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, new MemorySessionState());
        await using var gateway = await Gateway.StartAsync([instance]);
        var description = JsonDocument.Parse(await gateway.Admin.GetStringAsync("/openapi/v1.json")).RootElement;
        var calls = description.GetProperty("paths").EnumerateObject().SelectMany(p =>
            p.Value.EnumerateObject().Select(m => $"{m.Name.ToUpperInvariant()} {p.Name}"));

        Assert.Equal(calls.Order(), Repository.ReadmeTable("Admin API").Select(r => r[0]).Order());
    }

    [Fact]
    public void SetUp_SampleWithAKeyInPlace_HasNoProblem()
    {
        var sample = Regex.Match(
            Repository.Read("README.md"), "```json\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        using var json = new MemoryStream(
            Encoding.UTF8.GetBytes(sample.Replace("HEX", new string('0', 64), StringComparison.Ordinal)));
        var problems = new ConfigurationProblems();

        var settings = GatewaySettingsReader.Read(
            new ConfigurationBuilder().AddJsonStream(json).Build(), "Production", problems);

        Assert.Empty(problems.Lines);
        Assert.Equal(2, settings?.Instances.Count);
    }

    private static IReadOnlyList<string> ProblemsOf(string key, TimeSpan value)
    {
        var problems = new ConfigurationProblems();
        GatewaySettingsReader.Read(
            new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["IamGateway:Versions:Initial"] = "8.2.1",
                ["IamGateway:Sessions:0:Name"] = "session",
                ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
                [key] = Text(value),
            }).Build(),
            "Production", problems);
        return problems.Lines;
    }

    private static TimeSpan Duration(string text) => TimeSpan.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(object? value) => string.Format(CultureInfo.InvariantCulture, "{0}", value);

    /// <summary>Every single-valued setting with its default, entries of lists under N.</summary>
    private static IEnumerable<(string Key, object? Default)> Options(Type type, object? instance, string path)
    {
        foreach (var property in type.GetProperties().Where(p => p.CanWrite))
        {
            var (inner, key, value) = (property.PropertyType, $"{path}:{property.Name}", instance is null
                ? null : property.GetValue(instance));
            if (inner.IsGenericType && typeof(IEnumerable).IsAssignableFrom(inner))
                (inner, key, value) = (inner.GetGenericArguments()[0], key + ":N", null);
            if (inner.Namespace?.StartsWith(nameof(IamGateway), StringComparison.Ordinal) != true || inner.IsEnum)
            {
                yield return (key, value);
                continue;
            }

            foreach (var option in Options(inner, value ?? Activator.CreateInstance(inner), key))
                yield return option;
        }
    }

    /// <summary>The metrics of the code with their labels; the one that is set once has no field.</summary>
    private static Dictionary<string, string[]> Metrics()
    {
        var metrics = new GatewayMetrics();
        var all = typeof(GatewayMetrics).GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .Select(f => f.GetValue(metrics)).OfType<Collector>().ToDictionary(c => c.Name, c => c.LabelNames);
        all.Add("iamgateway_build_info", ["version"]);
        return all;
    }

    private static bool IsHistogram(string name) => name.EndsWith("_seconds", StringComparison.Ordinal);

    [GeneratedRegex("`([A-Z][A-Za-z]+Tests)`")]
    private static partial Regex TestName();

    [GeneratedRegex("iamgateway_[a-z0-9_]+")]
    private static partial Regex MetricName();
}
