namespace IamGateway.Tests.Oidc;

/// <summary>A gateway replica as the users see it.</summary>
internal sealed class OidcReplica(Uri proxy)
{
    public Uri Proxy { get; } = proxy;

    /// <summary>Set before it is killed: from then on a broken connection to it is no failure.</summary>
    public volatile bool IsKilled;

    /// <summary>Set when it has ended: a request sent later has not been anywhere.</summary>
    public volatile bool IsGone;
}
