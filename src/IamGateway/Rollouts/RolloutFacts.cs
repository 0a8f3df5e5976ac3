using IamGateway.Reports;

namespace IamGateway.Rollouts;

/// <summary>What the executor knows when it looks at a rollout.</summary>
internal sealed record RolloutFacts
{
    public required DateTimeOffset Now { get; init; }

    /// <summary>The replica that holds the lease.</summary>
    public required string Executor { get; init; }

    /// <summary>The latest report of every registered replica, of silent ones the last they gave.</summary>
    public required IReadOnlyList<ReplicaReport> Reports { get; init; }

    /// <summary>
    /// Replicas of which it is not known what they have at work, and which cannot be asked to give leases back.
    /// </summary>
    public IReadOnlyList<string> UnreachableReplicas { get; init; } = [];

    /// <summary>A usable instance of the new version is there.</summary>
    public required bool HasTarget { get; init; }

    public bool HasGates { get; init; }

    /// <summary>What the gates have answered about a step; null: nothing yet.</summary>
    public GateAnswer? Gate { get; init; }

    /// <summary>
    /// Sessions below the new version by a count that began under the present state; null: there is none.
    /// </summary>
    public long? SessionsLeft { get; init; }
}

/// <param name="Step">The step that it is about.</param>
/// <param name="Refusal">Why not yet; null: it may begin.</param>
internal sealed record GateAnswer(int Step, string? Refusal);
