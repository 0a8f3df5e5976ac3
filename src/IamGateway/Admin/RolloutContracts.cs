using IamGateway.Rollouts;

namespace IamGateway.Admin;

/// <summary>POST /api/v1/rollouts; whatever is left out has a default.</summary>
internal sealed record RolloutBody(
    string? To, string? ExistingSessions, IReadOnlyList<RolloutStepBody?>? Steps, bool? SchemaUpgraded, bool? AllowSkip,
    RolloutAnalysisBody? Analysis, string? DrainDeadline);

/// <param name="Hold">10m, 90s, 8h, 1d, 00:10:00 or manual.</param>
internal sealed record RolloutStepBody(int? Weight, string? Hold);

internal sealed record RolloutAnalysisBody(
    double? MaxErrorRate, double? MaxP99Ratio, long? MinRequests, double? MaxRefusalRate, string? OnFailure);

/// <summary>The rollout resource.</summary>
/// <param name="Step">Index of the present step.</param>
/// <param name="WaitingFor">manual, hold, requests, replicas, gate or drain.</param>
/// <param name="Message">What exactly it waits for.</param>
/// <param name="Measurements">Since the present step began; of a rollout that stands still, the last ones.</param>
internal sealed record RolloutReply(
    string Id, string From, string To, string State, string ExistingSessions, bool SchemaUpgraded, bool AllowSkip,
    DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset UpdatedAt, string? Executor, long Revision, int? Step,
    IReadOnlyList<RolloutStepReply> Steps, string? WaitingFor, string? Message, DateTimeOffset? HoldEndsAt,
    RolloutAnalysisReply Analysis, MeasurementsReply Measurements, string DrainDeadline, DrainReply? Drain,
    IReadOnlyList<Precondition> Preconditions, IReadOnlyList<TransitionReply> Transitions);

/// <param name="State">pending, current or done.</param>
internal sealed record RolloutStepReply(
    int Weight, string Hold, string State, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt);

internal sealed record RolloutAnalysisReply(
    double MaxErrorRate, double MaxP99Ratio, long MinRequests, double? MaxRefusalRate, string OnFailure);

internal sealed record MeasurementsReply(FiguresReply Old, FiguresReply New, long Refusals, long Violations);

/// <param name="P99">In seconds; 0 without requests.</param>
internal sealed record FiguresReply(string Version, long Requests, double ErrorRate, double P99);

/// <param name="SessionsLeft">Sessions below the new version by the last count.</param>
/// <param name="InFlight">Requests at work on the old version, of all replicas.</param>
/// <param name="EstimatedEnd">By the pace of the last minutes.</param>
internal sealed record DrainReply(
    long SessionsLeft, long? SessionsAtStart, int InFlight, DateTimeOffset? EstimatedEnd, DateTimeOffset Deadline);

internal sealed record TransitionReply(DateTimeOffset At, string State, string Who, string Reason, long Revision);
