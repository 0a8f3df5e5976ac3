using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Configuration;

/// <summary>The configuration, read and found valid.</summary>
internal sealed record GatewaySettings(
    GatewayOptions Options,
    IReadOnlyList<InstanceOptions> Instances,
    SessionRules Sessions,
    IReadOnlyList<PathString> HoldPaths,
    VersionId? Initial,
    VersionId? MinimumVersion,
    string? Redis)
{
    /// <summary>The versions that the configuration names, lowest first.</summary>
    public IReadOnlyList<VersionId> Versions { get; } =
    [
        .. Instances.Select(i => i.Version).OfType<VersionId>()
            .Concat(Initial is null ? [] : [Initial]).Distinct().Order(),
    ];

    // The members that a record would print include the password of the store.
    public override string ToString() => nameof(GatewaySettings);
}
