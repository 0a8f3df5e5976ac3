namespace IamGateway.Tests.Oidc;

/// <summary>
/// One instance of a real OpenID Connect provider of one version. Its state is in a Redis that all instances share; the
/// newer version rewrites every record that it touches, and the older one fails on a record that it cannot read.
/// </summary>
internal interface IOidcProvider : IAsyncDisposable
{
    string Version { get; }

    Uri Address { get; }

    /// <summary>What it says about itself.</summary>
    Task<OidcHealth> HealthAsync();
}

/// <summary>
/// A record that an instance could not read is unreadable; a server error is one whatever its status was.
/// </summary>
internal sealed record OidcHealth(string Version, int Requests, int ServerErrors, int Unreadable);
