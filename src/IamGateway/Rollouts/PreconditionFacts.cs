using IamGateway.Configuration;

namespace IamGateway.Rollouts;

/// <summary>What the preconditions look at beside the routing state.</summary>
internal sealed record PreconditionFacts
{
    public required DateTimeOffset Now { get; init; }

    /// <summary>The instances of the two versions.</summary>
    public required IReadOnlyList<InstanceFact> Instances { get; init; }

    /// <summary>What is wrong with the store, or null.</summary>
    public string? StoreProblem { get; init; }

    /// <summary>What the store is, in half a sentence.</summary>
    public required string Store { get; init; }

    /// <summary>Registered replicas that do not report.</summary>
    public required IReadOnlyList<string> SilentReplicas { get; init; }

    /// <summary>What the check of the schema has answered; null: it says that the schema fits.</summary>
    public string? SchemaProblem { get; init; }

    public required RolloutOptions Options { get; init; }

    public SessionAffinity Affinity { get; init; }

    public VersionId? MinimumVersion { get; init; }
}

/// <param name="Problem">Why it cannot be used, or null.</param>
internal sealed record InstanceFact(string Id, VersionId Version, string? Problem);
