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
/// <param name="Version">The version it is believed to run; null until discovered.</param>
/// <param name="Reported">The version it last reported itself.</param>
/// <param name="Draining">No session goes to it.</param>
/// <param name="Quarantined">What it reported does not fit; no session goes to it until a probe has settled it.</param>
internal sealed record Instance(
    string Id, string Address, VersionId? Version, VersionId? Reported, bool Draining, bool Quarantined)
{
    public bool IsUsable => Version is not null && !Draining && !Quarantined;
}
