using Iamgw.Api;

namespace Iamgw.Rollouts;

/// <summary>A rollout as lines, for logs: each transition, and now and then how it stands.</summary>
internal sealed class RolloutLines(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private int _transitions;
    private string? _waits;
    private long? _said;

    /// <summary>The lines that are new, as markup.</summary>
    public IEnumerable<string> Of(Rollout rollout, IReadOnlyList<VersionRow> versions, DateTimeOffset now)
    {
        foreach (var transition in rollout.AllTransitions.Skip(_transitions))
        {
            yield return $"{Show.At(transition.At, time)} {RolloutText.State(transition.State)}: "
                + $"{Show.Safe(transition.Reason)} ({Show.Safe(transition.Who)})";
        }

        _transitions = rollout.AllTransitions.Count;
        var waits = $"{rollout.State} {rollout.Step} {rollout.WaitingFor}";
        var isDue = _said is not { } said || time.GetElapsedTime(said) >= Interval;
        if (rollout.IsEnded || (waits == _waits && !isDue))
            yield break;
        _waits = waits;
        _said = time.GetTimestamp();
        yield return $"{Show.At(now, time)} {RolloutText.Headline(rollout, now)}{Figures(rollout, versions)}"
            + Waits(rollout, now);
    }

    private static string Waits(Rollout rollout, DateTimeOffset now) =>
        RolloutText.WaitsFor(rollout, now) is { Length: > 0 } waits ? $"; waits for {waits}" : "";

    private static string Figures(Rollout rollout, IReadOnlyList<VersionRow> versions)
    {
        var parts = new[] { rollout.Measurements?.Old, rollout.Measurements?.New }.OfType<Figures>().Select(f =>
        {
            var sessions = versions.FirstOrDefault(v => v.Version == f.Version)?.Sessions;
            return $"{Show.Safe(f.Version)} {(sessions is { } s ? $"{Show.Count(s)} sessions, " : "")}"
                + $"{Show.Count(f.Requests)} requests, {Show.Share(f.ErrorRate)} errors, p99 {Show.Seconds(f.P99)}";
        });
        return string.Concat(parts.Select(p => $"; {p}"));
    }
}
