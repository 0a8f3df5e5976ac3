using IamGateway.Instances;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Forwarding;

/// <summary>What YARP's steps see of the request: only instances and connections of the version it goes to.</summary>
internal sealed partial class GatewayRequest : IReverseProxyFeature
{
    private IReverseProxyFeature? _whole;
    private ClusterModel? _cluster;
    private List<VersionId>? _givenUp;
    private volatile bool _isChoosing;

    RouteModel IReverseProxyFeature.Route => _whole!.Route;

    ClusterModel IReverseProxyFeature.Cluster => _cluster!;

    IReadOnlyList<DestinationState> IReverseProxyFeature.AllDestinations => _whole!.AllDestinations;

    public IReadOnlyList<DestinationState> AvailableDestinations { get; set; } = [];

    public DestinationState? ProxiedDestination { get; set; }

    /// <summary>Versions of which no instance could be reached.</summary>
    public IReadOnlyList<VersionId> GivenUp => _givenUp ?? [];

    public void GiveUp(VersionId version) => (_givenUp ??= []).Add(version);

    /// <summary>Narrows YARP's view of the cluster to destinations of this request's version.</summary>
    public void Narrow(IReverseProxyFeature whole, IReadOnlyList<DestinationState> destinations)
    {
        _whole = whole;
        _cluster = whole.Cluster.HttpClient is InstanceClients clients
            ? clients.ModelFor(whole.Cluster, Version!, MayLast)
            : whole.Cluster;
        AvailableDestinations = destinations;
        ProxiedDestination = null;
        _isChoosing = true;
    }

    /// <summary>Notes the instance that the request is about to be sent to.</summary>
    public void Choose(string instance)
    {
        InstanceId = instance;
        _isChoosing = false;
    }

    /// <summary>It was sent to the instance, or may be yet.</summary>
    public bool MayBeAt(string instance) =>
        _isChoosing && AvailableDestinations.Any(d => d.DestinationId == instance) || InstanceId == instance;
}
