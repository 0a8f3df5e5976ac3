using DemoIam;

namespace IamGateway.Tests.Histories;

/// <summary>
/// Reads the begin and end of every request at the instances and says where a session went back (G1) or was at work on
/// two versions at once with the newer begun last (G2).
/// </summary>
internal static class HistoryJudge
{
    public static Verdict Judge(IEnumerable<HistoryEntry> entries)
    {
        var ordered = entries.OrderBy(e => e.Timestamp).ThenBy(e => e.Kind == HistoryEntry.End ? 0 : 1).ToArray();
        var verdict = new Verdict();
        foreach (var session in ordered.GroupBy(e => e.Sid))
            Judge(session, verdict);
        return verdict;
    }

    private static void Judge(IEnumerable<HistoryEntry> session, Verdict verdict)
    {
        verdict.Sessions++;
        var working = new Dictionary<(string Instance, long Request), HistoryEntry>();
        HistoryEntry? highest = null;
        foreach (var entry in session)
        {
            if (entry.Kind == HistoryEntry.End)
            {
                working.Remove((entry.Instance, entry.Request));
                continue;
            }

            verdict.Requests++;
            var version = VersionId.Parse(entry.Version);
            if (highest is not null && version < VersionId.Parse(highest.Version))
                verdict.WentBack.Add($"{entry.Sid}: {Say(entry)} after {Say(highest)}");
            if (working.Values.FirstOrDefault(w => VersionId.Parse(w.Version) < version) is { } older)
                verdict.Overlapped.Add($"{entry.Sid}: {Say(entry)} while {Say(older)}");
            if (highest is null || version > VersionId.Parse(highest.Version))
            {
                verdict.Migrations += highest is null ? 0 : 1;
                highest = entry;
            }

            working[(entry.Instance, entry.Request)] = entry;
        }

        verdict.Unended += working.Count;
    }

    private static string Say(HistoryEntry e) => $"{e.Path} at {e.Version} ({e.Instance} #{e.Request}, {e.Timestamp})";
}
