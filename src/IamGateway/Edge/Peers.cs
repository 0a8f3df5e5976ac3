using System.Net;
using IamGateway.Configuration;

namespace IamGateway.Edge;

/// <summary>The networks of the balancers and proxies in front of the gateway, whose word is believed.</summary>
internal sealed class Peers(GatewaySettings settings)
{
    public IReadOnlyList<IPNetwork> Networks { get; } =
        [.. settings.Options.Edge.TrustedNetworks.Select(n => IPNetwork.Parse(n))];

    public bool IsTrusted(IPAddress? address) => IsIn(Networks, address);

    public static bool IsIn(IReadOnlyList<IPNetwork> networks, IPAddress? address)
    {
        if (address is null || networks.Count == 0)
            return false;
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        foreach (var network in networks)
        {
            if (network.Contains(address))
                return true;
        }

        return false;
    }

    /// <summary>Limits for one client do not hold for it: behind it are many, or the machine itself.</summary>
    public bool IsUnlimited(IPAddress? address) =>
        address is null || IPAddress.IsLoopback(address) || IsTrusted(address);
}
