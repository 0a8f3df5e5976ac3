namespace IamGateway.Configuration;

/// <summary>A destination of the IAM's cluster, as the configuration names it.</summary>
/// <param name="Id">The destination's name.</param>
/// <param name="Address">Its base URL.</param>
/// <param name="Version">Its believed version; null: to be discovered.</param>
internal sealed record InstanceOptions(string Id, Uri Address, VersionId? Version);
