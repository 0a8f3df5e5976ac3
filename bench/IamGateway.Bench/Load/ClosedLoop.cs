using System.Diagnostics;
using System.Globalization;

namespace IamGateway.Bench.Load;

/// <summary>
/// Clients that send the next request when they have the answer to the one before: wrk, one for each replica.
/// </summary>
internal static class ClosedLoop
{
    public static async Task<Outcome> RunAsync(
        int[] ports, Load load, string sessionFile, int connections, double seconds)
    {
        var at = Turn.Of(sessionFile);
        var all = await Task.WhenAll(
            ports.Select(p => RunOneAsync(p, load, sessionFile, at, connections / ports.Length, seconds)));
        Turn.Went(sessionFile, all.Max(o => o.Requests));
        return new Outcome(
            all.Sum(o => o.Requests), all.Max(o => o.Time), all.Max(o => o.P50), all.Max(o => o.P99),
            all.Max(o => o.P999), all.Sum(o => o.Errors));
    }

    private static async Task<Outcome> RunOneAsync(
        int port, Load load, string sessionFile, long at, int connections, double seconds)
    {
        var script = Path.Combine(AppContext.BaseDirectory, "Load", "sessions.lua");
        var start = new ProcessStartInfo(
            "wrk",
            [
                "-t1", $"-c{connections}", $"-d{Math.Max(1, Math.Round(seconds))}s", "--timeout", "10s", "-s", script,
                $"http://127.0.0.1:{port}", "--", load.Method, load.Path, sessionFile, $"{at}",
            ])
        { RedirectStandardOutput = true };
        using var wrk = Process.Start(start)!;
        var output = await wrk.StandardOutput.ReadToEndAsync();
        var line = output.Split('\n').FirstOrDefault(l => l.StartsWith("RESULT ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk has no result:\n{output}");
        var n = line.Split(' ')[1..].Select(v => long.Parse(v, CultureInfo.InvariantCulture)).ToArray();
        return new Outcome(n[0], Micro(n[1]), Micro(n[2]), Micro(n[3]), Micro(n[4]), n[5]);
    }

    private static TimeSpan Micro(long microseconds) => TimeSpan.FromMicroseconds(microseconds);
}
