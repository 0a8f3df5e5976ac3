using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>
/// What comes next in a rollout. Pure: the same state and facts give the same step, whichever replica takes it.
/// </summary>
internal static class RolloutPlan
{
    /// <summary>Who takes the steps that nobody has asked for.</summary>
    public const string Gateway = "gateway";

    /// <summary>After so long every report that is not stale was made under the present weights.</summary>
    private static readonly TimeSpan ReportsSettle = TimeSpan.FromSeconds(3);

    /// <summary>The next state; the state itself if nothing is to be done; a refusal if it is tried again.</summary>
    public static Change Next(RoutingState state, RolloutFacts facts)
    {
        if (state.Rollout is not { } rollout)
            return state;
        if (rollout.Executor != facts.Executor)
            return state with { Rollout = rollout with { Executor = facts.Executor } };
        if (!state.IsQuiet)
            return state;
        return Overtaken(state, rollout, facts) ?? rollout.Status switch
        {
            RolloutStatus.Checking => ToStep(state, rollout, 0, facts, measured: null, because: "checks are passed"),
            RolloutStatus.Progressing when rollout.WaitingFor == RolloutWait.Replicas => AtReplicas(
                state, rollout, facts),
            RolloutStatus.Progressing => AtStep(state, rollout, facts),
            RolloutStatus.Draining => Drain(state, rollout, facts),
            _ => state,
        };
    }

    /// <summary>The step that the gates are to be asked about now, or null.</summary>
    public static int? StepAtGate(RoutingState state) => state switch
    {
        { IsQuiet: false } => null,
        { Rollout: { Status: RolloutStatus.Checking } } => 0,
        { Rollout: { Status: RolloutStatus.Progressing, WaitingFor: RolloutWait.Gate, IsAtLastStep: false } r } =>
            r.Step + 1,
        _ => null,
    };

    /// <summary>
    /// Sessions whose state is below the new version. One of a version that is retired already counts for the one above
    /// it, at which it would be found.
    /// </summary>
    public static long SessionsBelow(RoutingState state, Rollout rollout, IReadOnlyDictionary<int, long> counts)
    {
        var top = state.Find(rollout.To)?.Ordinal ?? 0;
        var revoked = state.Versions.Where(v => v.Status == VersionStatus.Revoked).Select(v => v.Ordinal).ToHashSet();
        return counts.Where(c => c.Key < top && !revoked.Contains(c.Key)).Sum(c => c.Value);
    }

    /// <summary>Every replica has applied what the rollout set last.</summary>
    public static bool IsApplied(RoutingState state, Rollout rollout) => state.IsQuiet
        && state.Replicas.All(r => r.Acknowledged >= Math.Max(rollout.StepRevision, state.PhaseRevision));

    // Somebody has ended one of the two versions by hand.
    private static Change? Overtaken(RoutingState state, Rollout rollout, RolloutFacts facts)
    {
        if (state.Find(rollout.To) is not { Status: VersionStatus.Registered or VersionStatus.Active } target)
            return state.EndRollout(RolloutStatus.Failed, Gateway, $"{rollout.To} was ended by hand", facts.Now);
        if (state.Find(rollout.From) is { Status: VersionStatus.Active })
            return null;
        return target.Status == VersionStatus.Active
            ? state.EndRollout(RolloutStatus.Completed, Gateway, $"{rollout.From} is retired", facts.Now)
            : state.EndRollout(RolloutStatus.Failed, Gateway, $"{rollout.From} is not active any more", facts.Now);
    }

    private static Change AtReplicas(RoutingState state, Rollout rollout, RolloutFacts facts)
    {
        if (!IsApplied(state, rollout))
            return state;
        // The store may have lost the activation.
        if (state.Find(rollout.To)!.Status != VersionStatus.Active)
            return Enter(state, rollout, rollout.Step!.Value, facts, null, "set again");
        var since = Since(state, rollout, facts);
        return rollout.Promoted
            ? state.StartDraining(
                rollout, since, $"all new sessions go to {rollout.To}; {rollout.From} drains", facts.Now)
            : state.StartHold(rollout, since, facts.Now);
    }

    private static Change AtStep(RoutingState state, Rollout rollout, RolloutFacts facts)
    {
        var isOver = rollout.WaitingFor switch
        {
            RolloutWait.Hold => facts.Now >= rollout.HoldEndsAt,
            RolloutWait.Manual => false,
            _ => true,
        };
        var measured = Measure(state, rollout, facts);
        var (verdict, reason) = RolloutJudge.Of(measured, rollout.Analysis, isOver);
        if (verdict == Verdict.Failed)
            return Stop(state, rollout, measured, reason, facts);
        if (!isOver)
            return state;
        if (rollout.WaitingFor != RolloutWait.Gate && verdict == Verdict.NotEnough)
            return Waiting(state, rollout, RolloutWait.Requests, null);
        return rollout.IsAtLastStep
            ? state.StartDraining(
                rollout, Since(state, rollout, facts), $"{reason}; {rollout.From} drains", facts.Now, measured)
            : ToStep(state, rollout, rollout.Step!.Value + 1, facts, measured, reason);
    }

    private static Change ToStep(
        RoutingState state, Rollout rollout, int index, RolloutFacts facts, Measurements? measured, string because)
    {
        var answer = facts.Gate?.Step == index ? facts.Gate : null;
        if (facts.HasGates && answer is not { Refusal: null })
            return Waiting(state, rollout, RolloutWait.Gate, answer?.Refusal ?? rollout.Message);
        if (!facts.HasTarget)
        {
            return state.PauseRollout(
                Gateway, $"no usable instance of {rollout.To} is there before step {index + 1}", facts.Now, measured);
        }

        return Enter(state, rollout, index, facts, measured, because);
    }

    private static Change Enter(
        RoutingState state, Rollout rollout, int index, RolloutFacts facts, Measurements? measured, string because)
    {
        var reason = $"step {index + 1} of {rollout.Steps.Length}, {rollout.Steps[index].Weight} %: {because}";
        var change = state.EnterStep(rollout, index, Gateway, reason, facts.Now, measured);
        // What does not pass by itself is for a person to clear away.
        return change.Refusal is { IsTemporary: false } refusal
            ? state.PauseRollout(Gateway, refusal.Detail, facts.Now, measured)
            : change;
    }

    private static Change Drain(RoutingState state, Rollout rollout, RolloutFacts facts)
    {
        if (rollout.Since is null)
            return state with { Rollout = rollout with { Since = Since(state, rollout, facts) } };
        var measured = Measure(state, rollout, facts);
        var (verdict, reason) = RolloutJudge.Of(measured, rollout.Analysis, isHoldOver: false);
        if (verdict == Verdict.Failed)
            return Stop(state, rollout, measured, reason, facts);
        var drain = rollout.Drain!;
        if (facts.SessionsLeft is { } left && drain.SessionsAtStart is null)
        {
            return state with { Rollout = rollout with { Drain = drain with { SessionsAtStart = left } } };
        }

        if (facts.SessionsLeft == 0 && IsApplied(state, rollout) && IsIdle(rollout, facts))
        {
            return state.CloseRollout(
                rollout with { Measured = measured }, $"no session is left on {rollout.From}; it is closed", facts.Now);
        }

        if (facts.Now < drain.Deadline)
            return state;
        return facts.UnreachableReplicas is [_, ..] missing
            ? Waiting(
                state, rollout, RolloutWait.Drain,
                $"the drain deadline has passed; {rollout.From} is closed when {string.Join(", ", missing)} answers or "
                + "is forgotten")
            : state.CloseRollout(
                rollout with { Measured = measured, Message = null },
                $"the drain deadline of {Duration.Format(rollout.DrainDeadline)} has passed; "
                + $"{rollout.From} is closed and what is left of it moves up",
                facts.Now);
    }

    // A request that begins a session has no record yet that a count could find.
    private static bool IsIdle(Rollout rollout, RolloutFacts facts) =>
        facts.UnreachableReplicas.Count == 0 && facts.Now - rollout.UpdatedAt >= ReportsSettle
        && facts.Reports.All(r => r.Version(rollout.From) is null or { InFlight: 0 });

    private static Change Stop(
        RoutingState state, Rollout rollout, Measurements measured, string reason, RolloutFacts facts) =>
        rollout.Analysis.OnFailure == RolloutFailureAction.Abort
            ? state.AbortRollout(Gateway, reason, facts.Now, RolloutStatus.Failed, measured)
            : state.PauseRollout(Gateway, reason, facts.Now, measured);

    private static RoutingState Waiting(RoutingState state, Rollout rollout, RolloutWait wait, string? message) =>
        rollout.WaitingFor == wait && rollout.Message == message
            ? state
            : state with { Rollout = rollout with { WaitingFor = wait, Message = message, HoldEndsAt = null } };

    private static MeasuringStart Since(RoutingState state, Rollout rollout, RolloutFacts facts) =>
        MeasuringStart.Of(state.NextReplica, facts.Reports, rollout.From, rollout.To);

    private static Measurements Measure(RoutingState state, Rollout rollout, RolloutFacts facts) => Measurements.Of(
        rollout.Since ?? Since(state, rollout, facts), facts.Reports, rollout.From, rollout.To);
}
