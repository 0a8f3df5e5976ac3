using System.Globalization;
using System.Text;

namespace IamGateway.Bench.Figures;

/// <summary>What the figures must reach, and what they have reached, for those that this run has measured.</summary>
internal static class Targets
{
    private const string Steady = "gateway-steady-redis";
    private const string Mid = "gateway-mid-redis";

    public static string Table(List<Group> groups)
    {
        var text = new StringBuilder();
        text.AppendLine("### Targets").AppendLine();
        text.AppendLine("| what | must reach | aim | measured | |").AppendLine("|---|---:|---:|---:|---|");
        if (groups.Find(g => g is { Load: "100B", Connections: 32 }) is { } small)
            Add(text, small);
        if (groups.Find(g => g.Connections == 1000)?.Find(Steady) is { } many)
            Most(text, "working set at 1,000 connections, MB", 300, 150, many.Of(w => w.WorkingSet));
        return text.ToString();
    }

    private static void Add(StringBuilder text, Group group)
    {
        if (group.Find(Steady) is { } steady)
        {
            Most(text, "CPU per request, steady state, to bare YARP", 1, 0.8, steady.Ratio(group.Base, w => w.Cpu));
            Most(
                text, "bytes allocated per request beyond bare YARP", 200, 0,
                steady.Beyond(group.Base, w => w.Bytes ?? double.NaN));
            Most(text, "added p50 at half of saturation, µs", 30, 10, steady.BeyondOpen(group.Base, w => w.P50));
            Most(text, "added p99 at half of saturation, µs", 300, 100, steady.BeyondOpen(group.Base, w => w.P99));
            Most(text, "Redis calls per request, steady state", 0.01, 0.01, steady.Of(w => w.RedisCalls));
            if (group.Find("haproxy-table") is { } haproxy)
                Least(text, "throughput steady state to HAProxy", 0.6, 0.8, steady.Ratio(haproxy, w => w.PerSecond));
        }

        if (group.Find(Mid) is { } mid)
        {
            Most(text, "CPU per request, mid-rollout, with Redis", 1.2, 1, mid.Ratio(group.Base, w => w.Cpu));
            if (group.Find("nginx-lua-redis") is { } lua)
                Least(text, "throughput mid-rollout to nginx + Lua + Redis", 1, 1.3, mid.Ratio(lua, w => w.PerSecond));
        }

        if (group.Find(Mid + "-finals") is { } finals)
            Most(text, "Redis calls per request, finals", 0.01, 0.01, finals.Of(w => w.RedisCalls));
        // One to claim; what releases leases behind the requests goes together.
        if (group.Find(Mid + "-old") is { } old)
            Most(text, "Redis calls per request, old sessions", 1.25, 1.1, old.Of(w => w.RedisCalls));
    }

    private static void Most(StringBuilder text, string what, double must, double aim, double value) =>
        Add(text, what, $"≤ {Text(must)}", $"≤ {Text(aim)}", value, value <= must, value <= aim);

    private static void Least(StringBuilder text, string what, double must, double aim, double value) =>
        Add(text, what, $"≥ {Text(must)}", $"≥ {Text(aim)}", value, value >= must, value >= aim);

    private static void Add(
        StringBuilder text, string what, string must, string aim, double value, bool isMet, bool isAimMet)
    {
        if (double.IsNaN(value))
            return;
        var verdict = isAimMet ? "aim met" : isMet ? "met" : "missed";
        text.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {must} | {aim} | {Text(value)} | {verdict} |");
    }

    private static string Text(double value) =>
        value.ToString(Math.Abs(value) >= 10 ? "0" : "0.##", CultureInfo.InvariantCulture);
}
