using IamGateway.Configuration;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>What YARP's health checks say of an instance.</summary>
internal sealed class InstanceHealth(IServiceProvider services, GatewaySettings settings)
{
    /// <summary>healthy, unhealthy or unknown.</summary>
    public string Of(string id)
    {
        if (Find(id) is not var (_, destination))
            return "unknown";
        var health = destination.Health;
        if (health.Active == DestinationHealth.Unhealthy || health.Passive == DestinationHealth.Unhealthy)
            return "unhealthy";
        return health.Active == DestinationHealth.Healthy || health.Passive == DestinationHealth.Healthy
            ? "healthy"
            : "unknown";
    }

    /// <summary>It has just answered: what requests met before does not count any more.</summary>
    public void Answered(string id)
    {
        if (Find(id) is var (cluster, destination) && destination.Health.Passive == DestinationHealth.Unhealthy)
        {
            services.GetRequiredService<IDestinationHealthUpdater>()
                .SetPassive(cluster, destination, DestinationHealth.Unknown, TimeSpan.Zero);
        }
    }

    // Looked up late: YARP's state needs the clients of instances, whose probes tell this class that one answered.
    private (ClusterState Cluster, DestinationState Destination)? Find(string id) =>
        services.GetRequiredService<IProxyStateLookup>().TryGetCluster(settings.Options.Cluster, out var cluster)
        && cluster.Destinations.TryGetValue(id, out var destination)
            ? (cluster, destination)
            : null;
}
