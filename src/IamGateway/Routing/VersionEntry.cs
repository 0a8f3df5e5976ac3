namespace IamGateway.Routing;

internal enum VersionStatus
{
    Registered,
    Active,
    Retired,
    Revoked,
}

/// <summary>One version in the routing state.</summary>
/// <param name="Version">Its name.</param>
/// <param name="Status">Whether sessions may live on it.</param>
/// <param name="Weight">Its share of new sessions, in per cent.</param>
/// <param name="Ordinal">Its place in the order of activations, from 1; what pins in the store hold. 0: never
/// prepared.</param>
/// <param name="Since">When it got this status.</param>
internal sealed record VersionEntry(
    VersionId Version, VersionStatus Status, int Weight, int Ordinal, DateTimeOffset Since);
