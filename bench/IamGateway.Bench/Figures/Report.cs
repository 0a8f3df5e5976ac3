using System.Globalization;
using System.Text;
using System.Text.Json;

namespace IamGateway.Bench.Figures;

/// <summary>Writes the figures: a table to read, JSON to compute with, a plot.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static async Task WriteAsync(string folder, List<Group> groups, string more)
    {
        Directory.CreateDirectory(folder);
        var text = string.Join("\n", groups.Select(Table).Append(more));
        await File.WriteAllTextAsync(Path.Combine(folder, "results.md"), text);
        await File.WriteAllTextAsync(Path.Combine(folder, "results.json"), JsonSerializer.Serialize(groups, Json));
        await File.WriteAllTextAsync(Path.Combine(folder, "results.svg"), Plot.Draw(groups));
    }

    public static async Task PrintAsync(string folder)
    {
        Console.WriteLine(await File.ReadAllTextAsync(Path.Combine(folder, "results.md")));
        Console.WriteLine($"Written to {folder}: results.md, results.json, results.svg");
    }

    private static string Table(Group group)
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"### {group.Load}, {group.Connections} connections, medians of {group.Base.Closed.Count} rounds");
        text.AppendLine();
        text.AppendLine(
            "| subject | requests/s | x | CPU µs | Redis CPU µs | CPU x | bytes | beyond YARP | Redis calls "
            + "| p50/p99/p99.9 ms | open loop p50/p99/p99.9 ms | added p50/p99 µs | MB | errors |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var series in group.Subjects)
            text.AppendLine(Row(group.Base, series));
        if (group.OpenRate > 0)
            text.AppendLine($"\nOpen loop: {group.OpenRate:0} requests/s, half of what bare YARP can do.");
        return text.ToString();
    }

    private static string Row(Series bare, Series s)
    {
        var bytes = s.Closed[0].Bytes is null ? double.NaN : s.Of(w => w.Bytes!.Value);
        var beyond = double.IsNaN(bytes) ? double.NaN : s.Beyond(bare, w => w.Bytes!.Value);
        var errors = s.Closed.Concat(s.Open).Sum(w => w.Errors);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {s.Subject} | {s.Of(w => w.PerSecond):0} | {s.Ratio(bare, w => w.PerSecond):0.00} "
            + $"| {s.Of(w => w.ProxyCpu):0.0} | {s.Of(w => w.RedisCpu):0.0} | {s.Ratio(bare, w => w.Cpu):0.00} "
            + $"| {Number(bytes)} | {Number(beyond)} | {s.Of(w => w.RedisCalls):0.000} "
            + $"| {Times(s.Closed)} | {Times(s.Open)} "
            + $"| {Number(s.BeyondOpen(bare, w => w.P50))}/{Number(s.BeyondOpen(bare, w => w.P99))} "
            + $"| {s.Of(w => w.WorkingSet):0} | {errors} |");
    }

    private static string Number(double value) =>
        double.IsNaN(value) ? "-" : value.ToString("0", CultureInfo.InvariantCulture);

    private static string Times(List<Window> windows)
    {
        if (windows.Count == 0)
            return "-";
        string Of(Func<Window, double> figure) =>
            (Series.Median(windows.Select(figure)) / 1000).ToString("0.00", CultureInfo.InvariantCulture);
        return $"{Of(w => w.P50)}/{Of(w => w.P99)}/{Of(w => w.P999)}";
    }
}
