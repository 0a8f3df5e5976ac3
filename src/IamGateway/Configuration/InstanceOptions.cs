namespace IamGateway.Configuration;

/// <summary>A destination of the IAM's cluster, as the configuration names it.</summary>
/// <param name="Id">The destination's name.</param>
/// <param name="Address">Its base URL.</param>
/// <param name="Version">Its believed version; null: to be discovered.</param>
/// <param name="IsName">It is no instance but a host name with an address for each of several.</param>
/// <param name="ResolvedFrom">The destination whose host name has led to this instance.</param>
internal sealed record InstanceOptions(
    string Id, Uri Address, VersionId? Version, bool IsName = false, string? ResolvedFrom = null)
{
    /// <summary>The metadata of a destination that makes it a name.</summary>
    public const string ResolveName = "Resolve";

    /// <summary>Its value.</summary>
    public const string ResolveByDns = "dns";
}
