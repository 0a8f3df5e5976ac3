using System.Net;
using IamGateway.Configuration;
using IamGateway.Edge;

namespace IamGateway.Admin;

/// <summary>Who is at the other end of a connection to the admin listener, and by which name it was called.</summary>
internal sealed class AdminPeers(GatewaySettings settings)
{
    private readonly HashSet<string> _hosts =
        new(settings.Options.Admin.AllowedHosts, StringComparer.OrdinalIgnoreCase);

    private readonly IPNetwork[] _proxies =
    [
        .. settings.Options.Admin.TrustedProxies.Select(
            p => AdminOptionsChecker.TryNetwork(p, out var network) ? network : default),
    ];

    /// <summary>
    /// A name that somebody else makes point here (DNS rebinding) is none of the configured ones; an address cannot be
    /// made to point anywhere.
    /// </summary>
    public bool IsAllowed(HostString host) => _hosts.Count == 0 || _hosts.Contains(host.Host)
        || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || IPAddress.TryParse(host.Host.Trim('[', ']'), out _);

    /// <summary>What it says of the client and of TLS counts.</summary>
    public bool IsTrustedProxy(HttpContext http) => Remote(http) is { } remote
        && (IPAddress.IsLoopback(remote) || Peers.IsIn(_proxies, remote));

    /// <summary>Whoever is to wait after too many tries.</summary>
    public string ClientOf(HttpContext http)
    {
        var client = Remote(http);
        if (IsTrustedProxy(http)
            && http.Request.Headers["X-Forwarded-For"].ToString().Split(',')[^1].Trim() is { Length: > 0 } last
            && IPAddress.TryParse(last, out var forwarded))
            client = forwarded;
        return client is null ? "" : ClientKey.Of(client).ToString();
    }

    private static IPAddress? Remote(HttpContext http) => http.Connection.RemoteIpAddress switch
    {
        { IsIPv4MappedToIPv6: true } mapped => mapped.MapToIPv4(),
        var remote => remote,
    };
}
