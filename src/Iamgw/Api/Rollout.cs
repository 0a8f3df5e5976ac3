namespace Iamgw.Api;

/// <summary>The rollout resource.</summary>
internal sealed record Rollout(
    string? Id, string? From, string? To, string? State, string? ExistingSessions, bool SchemaUpgraded, bool AllowSkip,
    DateTimeOffset CreatedAt, string? CreatedBy, DateTimeOffset UpdatedAt, string? Executor, long Revision, int? Step,
    IReadOnlyList<RolloutStep>? Steps, string? WaitingFor, string? Message, DateTimeOffset? HoldEndsAt,
    Analysis? Analysis, Measurements? Measurements, string? DrainDeadline, Drain? Drain,
    IReadOnlyList<Precondition>? Preconditions, IReadOnlyList<Transition>? Transitions)
{
    public bool IsEnded => State is "completed" || IsTakenBack;

    public bool IsTakenBack => State is "aborted" or "failed";

    public IReadOnlyList<RolloutStep> AllSteps => Steps ?? [];

    public IReadOnlyList<Transition> AllTransitions => Transitions ?? [];

    public RolloutStep? CurrentStep => Step is { } step && step >= 0 && step < AllSteps.Count ? AllSteps[step] : null;

    public string? LastReason => AllTransitions.Count > 0 ? AllTransitions[^1].Reason : null;
}

internal sealed record RolloutStep(
    int Weight, string? Hold, string? State, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt);

internal sealed record Analysis(
    double MaxErrorRate, double MaxP99Ratio, long MinRequests, double? MaxRefusalRate, string? OnFailure);

internal sealed record Measurements(Figures? Old, Figures? New, long Refusals, long Violations);

/// <param name="P99">In seconds.</param>
internal sealed record Figures(string? Version, long Requests, double ErrorRate, double P99);

internal sealed record Drain(
    long SessionsLeft, long? SessionsAtStart, int InFlight, DateTimeOffset? EstimatedEnd, DateTimeOffset Deadline);

internal sealed record Precondition(string? Name, bool Passed, string? Detail);

internal sealed record Transition(DateTimeOffset At, string? State, string? Who, string? Reason, long Revision);

/// <summary>POST /api/v1/rollouts; what is null is left out and has the gateway's default.</summary>
internal sealed record RolloutOrder(
    string To, string? ExistingSessions, IReadOnlyList<StepOrder>? Steps, bool? SchemaUpgraded, bool? AllowSkip,
    AnalysisOrder? Analysis, string? DrainDeadline);

internal sealed record StepOrder(int Weight, string? Hold);

internal sealed record AnalysisOrder(
    double? MaxErrorRate, double? MaxP99Ratio, long? MinRequests, double? MaxRefusalRate, string? OnFailure);
