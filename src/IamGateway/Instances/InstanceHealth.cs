using IamGateway.Configuration;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>What YARP's health checks say of an instance.</summary>
internal sealed class InstanceHealth(IProxyStateLookup proxy, GatewaySettings settings)
{
    /// <summary>healthy, unhealthy or unknown.</summary>
    public string Of(string id)
    {
        if (!proxy.TryGetCluster(settings.Options.Cluster, out var cluster)
            || !cluster.Destinations.TryGetValue(id, out var destination))
            return "unknown";
        var health = destination.Health;
        if (health.Active == DestinationHealth.Unhealthy || health.Passive == DestinationHealth.Unhealthy)
            return "unhealthy";
        return health.Active == DestinationHealth.Healthy || health.Passive == DestinationHealth.Healthy
            ? "healthy"
            : "unknown";
    }
}
