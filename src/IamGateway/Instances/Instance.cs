namespace IamGateway.Instances;

internal enum InstanceState
{
    Active,
    Draining,
    Drained,
    Quarantined,
}

/// <summary>What this replica knows of an instance.</summary>
/// <param name="Id">The destination's name.</param>
/// <param name="Address">Its base URL.</param>
/// <param name="Version">The version it runs: what it reported, else what is believed; null: to be discovered.</param>
/// <param name="Named">The version that configuration or API name.</param>
/// <param name="Reported">The version it last reported itself.</param>
/// <param name="Before">The version it was taken for before it reported another one: it was upgraded in place.</param>
/// <param name="Draining">No session goes to it.</param>
/// <param name="Problem">Why no session goes to it until a probe has settled it; null: nothing is wrong.</param>
/// <param name="IsProven">It has reported its version, or nobody can ask it.</param>
internal sealed record Instance(
    string Id, string Address, VersionId? Version, VersionId? Named, VersionId? Reported, VersionId? Before,
    bool Draining, string? Problem, bool IsProven)
{
    public bool IsUsable => CanServe && !Draining;

    /// <summary>Nothing is wrong with it; while it drains it may serve sessions that live there.</summary>
    public bool CanServe => Version is not null && IsProven && Problem is null;
}
