using IamGateway.Instances;
using IamGateway.Recording;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Forwarding;

/// <summary>What YARP's steps see of the request: only instances and connections of the version it goes to.</summary>
internal sealed partial class GatewayRequest : IReverseProxyFeature
{
    private IReverseProxyFeature? _whole;
    private ClusterModel? _cluster;
    private List<VersionId>? _givenUp;
    private DestinationState? _countedAt;
    private volatile bool _isChoosing;

    public RouteModel Route => _whole!.Route;

    /// <summary>The cluster, with the client that leads to its version only.</summary>
    public ClusterModel Cluster => _cluster!;

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
    public void Choose(DestinationState instance)
    {
        ProxiedDestination = instance;
        AvailableDestinations = instance;
        InstanceId = instance.DestinationId;
        _isChoosing = false;
    }

    /// <summary>
    /// Counts it at the instance that it was sent to, and no more at one that it was sent to before. What balances load
    /// goes by the number of requests that are there; two threads may write it in the wrong order, and the next that
    /// writes sets it right.
    /// </summary>
    public void CountAt(DestinationState instance, InstanceMetrics counted)
    {
        Uncount();
        (_countedAt, Counted) = (instance, counted);
        instance.ConcurrentRequestCount = counted.Enter();
    }

    /// <summary>The instance is done with it, or nobody waits for it any more.</summary>
    public void Uncount()
    {
        if (_countedAt is not { } instance)
            return;
        _countedAt = null;
        instance.ConcurrentRequestCount = Counted!.Leave();
    }

    /// <summary>It was sent to the instance, or may be yet.</summary>
    public bool MayBeAt(string instance) =>
        _isChoosing && AvailableDestinations.Any(d => d.DestinationId == instance) || InstanceId == instance;
}
