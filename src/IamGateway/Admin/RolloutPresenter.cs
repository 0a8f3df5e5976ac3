using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Reports;
using IamGateway.Rollouts;
using IamGateway.Routing;

namespace IamGateway.Admin;

/// <summary>Makes the resource of a rollout, with what has been measured until now.</summary>
internal sealed class RolloutPresenter(
    Replica replica, ReplicaReports reports, SessionCensus census, DrainProgress progress, TimeProvider time)
{
    public RolloutReply? Running() => replica.View.State.Rollout is { } rollout ? Reply(rollout) : null;

    public RolloutReply Reply(Rollout rollout)
    {
        var state = replica.View.State;
        var measured = rollout.Since is { } since
            ? Measurements.Of(since, reports.Known, rollout.From, rollout.To)
            : rollout.Measured ?? Measurements.None(rollout.From, rollout.To);
        return new RolloutReply(
            rollout.Id, rollout.From.ToString(), rollout.To.ToString(), RolloutMove.Name(rollout.Status),
            rollout.ExistingSessions == ExistingSessions.Migrate ? "migrate" : "stay",
            rollout.SchemaUpgraded, rollout.AllowSkip, rollout.CreatedAt, rollout.CreatedBy, rollout.UpdatedAt,
            rollout.Executor, rollout.Revision, rollout.Step,
            [.. rollout.Steps.Select(Reply)],
            rollout.WaitingFor?.ToString().ToLowerInvariant(), Message(state, rollout, measured), rollout.HoldEndsAt,
            Reply(rollout.Analysis),
            new MeasurementsReply(Reply(measured.Old), Reply(measured.New), measured.Refusals, measured.Violations),
            Duration.Format(rollout.DrainDeadline), Drain(state, rollout), rollout.Preconditions,
            [
                .. rollout.Transitions.Select(t => new TransitionReply(
                    t.At, RolloutMove.Name(t.State), t.Who, t.Reason, t.Revision)),
            ]);
    }

    private static string? Message(RoutingState state, Rollout rollout, Measurements measured) =>
        rollout.WaitingFor switch
        {
            RolloutWait.Replicas => string.Join(
                ", ", state.Behind(Math.Max(rollout.StepRevision, state.PhaseRevision))),
            RolloutWait.Requests => $"{measured.New.Requests} of {rollout.Analysis.MinRequests} requests",
            _ => rollout.Message,
        };

    private DrainReply? Drain(RoutingState state, Rollout rollout)
    {
        if (rollout.Drain is not { } drain)
            return null;
        var left = rollout.Status == RolloutStatus.Completed
            ? 0
            : RolloutPlan.SessionsBelow(state, rollout, census.Latest);
        return new DrainReply(
            left, drain.SessionsAtStart, reports.Latest.Sum(r => r.Version(rollout.From)?.InFlight ?? 0),
            rollout.IsEnded ? null : progress.EstimatedEnd(rollout, left, time.GetUtcNow()), drain.Deadline);
    }

    private static RolloutStepReply Reply(RolloutStep step) => new(
        step.Weight, step.Hold is { } hold ? Duration.Format(hold) : "manual",
        step.Status.ToString().ToLowerInvariant(), step.StartedAt, step.EndedAt);

    private static RolloutAnalysisReply Reply(RolloutLimits limits) => new(
        limits.MaxErrorRate, limits.MaxP99Ratio, limits.MinRequests, limits.MaxRefusalRate,
        limits.OnFailure.ToString().ToLowerInvariant());

    private static FiguresReply Reply(VersionFigures figures) =>
        new(figures.Version.ToString(), figures.Requests, figures.ErrorRate, figures.P99);
}
