using System.Collections.Immutable;
using System.Text.Json.Serialization;
using IamGateway.Configuration;

namespace IamGateway.Rollouts;

/// <summary>
/// One supervised upgrade from a version to a higher one. Part of the routing state, so that a step's weight and the
/// step itself change in one write.
/// </summary>
internal sealed record Rollout
{
    public required string Id { get; init; }

    public required VersionId From { get; init; }

    public required VersionId To { get; init; }

    public required RolloutStatus Status { get; init; }

    /// <summary>What it was doing when it was paused.</summary>
    public RolloutStatus? PausedFrom { get; init; }

    /// <summary>Whether sessions of the old version move by weight; goes before the configuration's.</summary>
    public required ExistingSessions ExistingSessions { get; init; }

    public bool SchemaUpgraded { get; init; }

    public bool AllowSkip { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required string CreatedBy { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The replica that carries it out.</summary>
    public string? Executor { get; init; }

    /// <summary>The revision that its last transition led to.</summary>
    public long Revision { get; init; }

    public required ImmutableArray<RolloutStep> Steps { get; init; }

    /// <summary>The step it is at.</summary>
    public int? Step { get; init; }

    public RolloutWait? WaitingFor { get; init; }

    /// <summary>What it waits for, where that is not in the state: what a gate answered.</summary>
    public string? Message { get; init; }

    /// <summary>The revision with the step's weights; the hold begins when every replica has acknowledged it.</summary>
    public long StepRevision { get; init; }

    public DateTimeOffset? HoldEndsAt { get; init; }

    /// <summary>Somebody has said that it goes to 100 without holds.</summary>
    public bool Promoted { get; init; }

    public required RolloutLimits Analysis { get; init; }

    /// <summary>From where on requests count for the present step.</summary>
    public MeasuringStart? Since { get; init; }

    /// <summary>What was measured when it last moved.</summary>
    public Measurements? Measured { get; init; }

    public required TimeSpan DrainDeadline { get; init; }

    public RolloutDrain? Drain { get; init; }

    public ImmutableArray<Precondition> Preconditions { get; init; } = [];

    public ImmutableArray<RolloutTransition> Transitions { get; init; } = [];

    [JsonIgnore]
    public bool IsEnded => Status is RolloutStatus.Completed or RolloutStatus.Aborted or RolloutStatus.Failed;

    [JsonIgnore]
    public RolloutStep? CurrentStep => Step is { } step ? Steps[step] : null;

    [JsonIgnore]
    public bool IsAtLastStep => Step == Steps.Length - 1;
}

/// <param name="Weight">The new version's share in per cent.</param>
/// <param name="Hold">How long it stays; null: until somebody says so.</param>
/// <param name="Status">Pending, current or done.</param>
/// <param name="StartedAt">When its weight was set.</param>
/// <param name="EndedAt">When the next one's was.</param>
internal sealed record RolloutStep(
    int Weight, TimeSpan? Hold, RolloutStepStatus Status = RolloutStepStatus.Pending, DateTimeOffset? StartedAt = null,
    DateTimeOffset? EndedAt = null);

/// <summary>What breaks a rollout off.</summary>
/// <param name="MaxErrorRate">Share of the new version's requests that end in a server error, 0 to 1.</param>
/// <param name="MaxP99Ratio">The new version's 99th percentile of durations over the old one's.</param>
/// <param name="MinRequests">With fewer requests of the new version in a step nothing is judged.</param>
/// <param name="MaxRefusalRate">Share of all requests that the gateway refuses, 0 to 1; null: not judged.</param>
/// <param name="OnFailure">What then.</param>
internal sealed record RolloutLimits(
    double MaxErrorRate, double MaxP99Ratio, long MinRequests, double? MaxRefusalRate, RolloutFailureAction OnFailure);

/// <param name="StartedAt">When the old version got nothing new any more.</param>
/// <param name="Deadline">When it is closed, whatever is left on it.</param>
/// <param name="SessionsAtStart">Sessions below the new version by the first count.</param>
internal sealed record RolloutDrain(DateTimeOffset StartedAt, DateTimeOffset Deadline, long? SessionsAtStart);

/// <param name="At">When.</param>
/// <param name="State">The state it led to.</param>
/// <param name="Who">The name of the API key, the subject of the token, or gateway.</param>
/// <param name="Reason">One sentence.</param>
/// <param name="Revision">The revision it led to.</param>
internal sealed record RolloutTransition(
    DateTimeOffset At, RolloutStatus State, string Who, string Reason, long Revision);

/// <param name="Name">A stable identifier.</param>
/// <param name="Passed">Whether the rollout may begin as far as this goes.</param>
/// <param name="Detail">One sentence that says what to do if it may not.</param>
internal sealed record Precondition(string Name, bool Passed, string Detail);
