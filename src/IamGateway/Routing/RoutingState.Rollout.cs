using System.Collections.Immutable;
using System.Text.Json.Serialization;
using IamGateway.Rollouts;

namespace IamGateway.Routing;

/// <summary>
/// The rollout: every command and step on it, with the weights that go with them. What changes the rollout alone is no
/// new revision, because no replica routes by it.
/// </summary>
internal sealed partial record RoutingState
{
    private const int RememberedRollouts = 5;
    private const int RememberedTransitions = 100;

    /// <summary>The one that is under way.</summary>
    public Rollout? Rollout { get; init; }

    /// <summary>The last ones that have ended, latest last.</summary>
    public ImmutableArray<Rollout> EndedRollouts { get; init; } = [];

    /// <summary>Since when no store has lost names; null: it was not noted yet.</summary>
    public DateTimeOffset? RecordedSince { get; init; }

    [JsonIgnore]
    public Rollout? LatestRollout => Rollout ?? EndedRollouts.LastOrDefault();

    public Change BeginRollout(Rollout rollout, DateTimeOffset now) => Rollout is { } running
        ? new Refusal(
            "rollout_running",
            $"Rollout {running.Id} to {running.To} is under way; abort it or wait until it is through.")
        : Moved(
            rollout, RolloutStatus.Checking, rollout.CreatedBy,
            $"upgrade from {rollout.From} to {rollout.To} was asked for", now);

    public Change PauseRollout(string who, string reason, DateTimeOffset now, Measurements? measured = null)
    {
        if (Rollout is not { } rollout)
            return NoRollout();
        if (rollout.Status == RolloutStatus.Paused)
            return new Refusal("rollout_paused", $"Rollout {rollout.Id} is paused already; resume or abort it.");
        if (Phase is RoutingPhase.Closing or RoutingPhase.Revoking)
            return Busy();
        var paused = rollout with
        {
            PausedFrom = rollout.Status,
            WaitingFor = null,
            HoldEndsAt = null,
            Message = null,
            Since = measured is null ? rollout.Since : null,
            Measured = measured ?? rollout.Measured,
        };
        return Moved(paused, RolloutStatus.Paused, who, reason, now);
    }

    /// <summary>
    /// Goes on with what was paused, its hold beginning anew; or says yes where a step waits for a person or for
    /// requests.
    /// </summary>
    public Change ResumeRollout(string who, DateTimeOffset now)
    {
        const string Reason = "resumed";
        if (Rollout is not { } rollout)
            return NoRollout();
        return rollout switch
        {
            { Status: RolloutStatus.Paused, PausedFrom: RolloutStatus.Checking } =>
                Moved(rollout with { PausedFrom = null }, RolloutStatus.Checking, who, Reason, now),
            { Status: RolloutStatus.Paused, PausedFrom: RolloutStatus.Draining } => DrainAgain(rollout, who, now),
            { Status: RolloutStatus.Paused } => EnterStep(rollout, rollout.Step ?? 0, who, Reason, now),
            { Status: RolloutStatus.Progressing, WaitingFor: RolloutWait.Manual or RolloutWait.Requests } =>
                Moved(rollout with { WaitingFor = RolloutWait.Gate }, RolloutStatus.Progressing, who, Reason, now),
            _ => new Refusal(
                "rollout_not_waiting",
                $"Rollout {rollout.Id} is {rollout.Status.ToString().ToLowerInvariant()} and waits for nobody; "
                + "promote it to skip what is left of its steps."),
        };
    }

    public Change PromoteRollout(string who, DateTimeOffset now)
    {
        if (Rollout is not { } rollout)
            return NoRollout();
        if (rollout.Status == RolloutStatus.Draining || rollout.PausedFrom == RolloutStatus.Draining)
        {
            return new Refusal(
                "rollout_at_100", $"Rollout {rollout.Id} has given {rollout.To} all new sessions already.");
        }

        return EnterStep(
            rollout with { Promoted = true }, rollout.Steps.Length - 1, who, "promoted: 100 % at once", now);
    }

    /// <summary>
    /// All new sessions to the old version; those that have moved stay where they are. Ends the rollout.
    /// </summary>
    public Change AbortRollout(
        string who, string reason, DateTimeOffset now, RolloutStatus status = RolloutStatus.Aborted,
        Measurements? measured = null)
    {
        if (Rollout is not { } rollout)
            return NoRollout();
        var state = Pending == rollout.To ? CancelActivation() : this;
        var weights = new Dictionary<VersionId, int> { [rollout.From] = 100, [rollout.To] = 0 };
        if (state.Pending == rollout.To)
        {
            // It must become active (MustActivate), but nobody needs to go there.
            state = state with { PendingWeights = weights.ToImmutableDictionary() };
        }
        else if (!state.IsQuiet)
        {
            return Busy();
        }
        else if (state.Find(rollout.To)?.Status == VersionStatus.Active)
        {
            var change = state.SetWeights(weights);
            if (change.State is not { } weighted)
                return change;
            state = weighted;
        }

        return state.Moved(rollout with { Measured = measured ?? rollout.Measured }, status, who, reason, now);
    }

    /// <summary>Takes the new version of a rollout back, of one that has ended, too; its sessions are ended.</summary>
    public Change RevokeRollout(Rollout rollout, string who, DateTimeOffset now)
    {
        var change = Revoke(rollout.To);
        return change.State is { } state
            ? state.Moved(rollout, RolloutStatus.Aborted, who, $"{rollout.To} was revoked, its sessions end", now)
            : change;
    }

    /// <summary>Ends the rollout without touching the weights: others have decided.</summary>
    public Change EndRollout(RolloutStatus status, string who, string reason, DateTimeOffset now) =>
        Rollout is { } rollout ? Moved(rollout, status, who, reason, now) : NoRollout();

    /// <summary>Somebody else has set weights: the rollout must not set them again behind their back.</summary>
    public RoutingState PauseForWeights(string who, DateTimeOffset now) =>
        PauseRollout(who, $"weights were set by {who}", now).State ?? this;

    /// <summary>Sets a step's weights; its hold begins when every replica has applied them.</summary>
    public Change EnterStep(
        Rollout rollout, int index, string who, string reason, DateTimeOffset now, Measurements? measured = null)
    {
        var change = WithShare(rollout, rollout.Steps[index].Weight);
        if (change.State is not { } state)
            return change;
        var entered = rollout with
        {
            Step = index,
            Steps =
            [
                .. rollout.Steps.Select((s, i) => i < index ? Done(s, now) : i > index ? s : s with
                {
                    Status = RolloutStepStatus.Current,
                    StartedAt = s.StartedAt ?? now,
                }),
            ],
            PausedFrom = null,
            WaitingFor = RolloutWait.Replicas,
            StepRevision = state.Revision,
            HoldEndsAt = null,
            Message = null,
            Since = null,
            Measured = measured ?? rollout.Measured,
        };
        return state.Moved(entered, RolloutStatus.Progressing, who, reason, now);
    }

    /// <summary>Every replica has applied the step's weights.</summary>
    public RoutingState StartHold(Rollout rollout, MeasuringStart since, DateTimeOffset now) => this with
    {
        Rollout = rollout with
        {
            WaitingFor = rollout.CurrentStep!.Hold is null ? RolloutWait.Manual : RolloutWait.Hold,
            HoldEndsAt = now + rollout.CurrentStep.Hold,
            Since = since,
            UpdatedAt = now,
        },
    };

    public RoutingState StartDraining(
        Rollout rollout, MeasuringStart since, string reason, DateTimeOffset now, Measurements? measured = null)
    {
        var draining = rollout with
        {
            Steps = [.. rollout.Steps.Select(s => Done(s, now))],
            WaitingFor = RolloutWait.Drain,
            HoldEndsAt = null,
            Message = null,
            Since = since,
            Measured = measured ?? rollout.Measured,
            Drain = new RolloutDrain(now, now + rollout.DrainDeadline, null),
        };
        return Moved(draining, RolloutStatus.Draining, RolloutPlan.Gateway, reason, now);
    }

    private Change DrainAgain(Rollout rollout, string who, DateTimeOffset now)
    {
        var change = WithShare(rollout, 100);
        if (change.State is not { } state)
            return change;
        var resumed = rollout with
        {
            PausedFrom = null,
            WaitingFor = RolloutWait.Drain,
            StepRevision = state.Revision,
            Since = null,
        };
        return state.Moved(resumed, RolloutStatus.Draining, who, "resumed", now);
    }

    /// <summary>Nothing goes to the old version any more; it is retired when every replica has acknowledged.</summary>
    public Change CloseRollout(Rollout rollout, string reason, DateTimeOffset now)
    {
        var change = Close(rollout.From);
        return change.State is { } state
            ? state.Moved(rollout, RolloutStatus.Draining, RolloutPlan.Gateway, reason, now)
            : change;
    }

    private Change WithShare(Rollout rollout, int weight)
    {
        var weights = new Dictionary<VersionId, int> { [rollout.From] = 100 - weight, [rollout.To] = weight };
        return Pending == rollout.To
            ? this with { PendingWeights = weights.ToImmutableDictionary() }
            : SetWeights(weights);
    }

    private static RolloutStep Done(RolloutStep step, DateTimeOffset now) => step with
    {
        Status = RolloutStepStatus.Done,
        EndedAt = step.EndedAt ?? (step.StartedAt is null ? null : now),
    };

    private RoutingState Moved(Rollout rollout, RolloutStatus status, string who, string reason, DateTimeOffset now)
    {
        var transitions = rollout.Transitions.Add(new RolloutTransition(now, status, who, reason, Revision));
        var moved = rollout with
        {
            Status = status,
            UpdatedAt = now,
            Revision = Revision,
            Transitions = transitions.Length > RememberedTransitions ? transitions.RemoveAt(0) : transitions,
        };
        if (!moved.IsEnded)
            return this with { Rollout = moved };
        var ended = moved with
        {
            Executor = null,
            WaitingFor = null,
            HoldEndsAt = null,
            Message = null,
            Since = null,
            PausedFrom = null,
        };
        var all = EndedRollouts.Any(r => r.Id == ended.Id)
            ? EndedRollouts.Select(r => r.Id == ended.Id ? ended : r)
            : EndedRollouts.Add(ended).AsEnumerable();
        return this with
        {
            Rollout = Rollout?.Id == ended.Id ? null : Rollout,
            EndedRollouts = [.. all.TakeLast(RememberedRollouts)],
        };
    }

    private static Refusal NoRollout() => new("no_rollout", "No rollout is under way.");
}
