namespace IamGateway.Instances;

/// <summary>What the API has set for an instance, over the configuration.</summary>
/// <param name="Id">The destination's name.</param>
/// <param name="Address">Its base URL if the API registered it; null: it stands in the configuration.</param>
/// <param name="Version">Its believed version, if the API named one.</param>
/// <param name="Draining">No session goes to it any more.</param>
/// <param name="DrainedAt">The revision that said so, which tells one drain from another.</param>
internal sealed record InstanceOverride(
    string Id, string? Address, VersionId? Version, bool Draining, long DrainedAt = 0);
