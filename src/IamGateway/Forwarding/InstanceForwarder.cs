using System.Collections.Frozen;
using IamGateway.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Forwarding;

/// <summary>
/// The last step: chooses one of the instances that are left to a request, sends it there, and tells the passive health
/// check how that went. In one step what YARP does for other clusters in four.
/// </summary>
internal sealed class InstanceForwarder(
    IHttpForwarder forwarder, IEnumerable<ILoadBalancingPolicy> balancing,
    IEnumerable<IPassiveHealthCheckPolicy> health, RequestRecorder recorder)
{
    // Those that YARP takes where a cluster names none.
    private static readonly string DefaultBalancing = LoadBalancingPolicies.PowerOfTwoChoices;
    private static readonly string DefaultHealth = HealthCheckConstants.PassivePolicy.TransportFailureRate;

    private readonly FrozenDictionary<string, ILoadBalancingPolicy> _balancing =
        balancing.ToFrozenDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);

    private readonly FrozenDictionary<string, IPassiveHealthCheckPolicy> _health =
        health.ToFrozenDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Sends the request once. Whatever comes of it, <see cref="Conclude"/> is called with it.</summary>
    public ValueTask<ForwarderError> SendAsync(HttpContext http, GatewayRequest request)
    {
        var (cluster, route) = (request.Cluster, request.Route);
        var instance = Choose(http, request);
        request.Choose(instance);
        LimitBody(http, route.Config.MaxRequestBodySize);
        request.CountAt(instance, recorder.For(instance.DestinationId, request.Version!));
        return forwarder.SendAsync(
            http, instance.Model.Config.Address, cluster.HttpClient,
            cluster.Config.HttpRequest ?? ForwarderRequestConfig.Empty, route.Transformer);
    }

    /// <summary>
    /// Notes what became of a request that was sent; why it failed is its error then. Null: something was thrown, which
    /// says nothing of the instance.
    /// </summary>
    public void Conclude(HttpContext http, GatewayRequest request, ForwarderError? result)
    {
        request.Gathered?.Remove(http);
        request.Gathered = null;
        request.Error = result == ForwarderError.None ? null : http.GetForwarderErrorFeature();
        if (result is not null && request.ProxiedDestination is { } instance
            && request.Cluster.Config.HealthCheck?.Passive is { Enabled: true } options)
            _health[string.IsNullOrEmpty(options.Policy) ? DefaultHealth : options.Policy]
                .RequestProxied(http, request.Route.Cluster!, instance);
    }

    private DestinationState Choose(HttpContext http, GatewayRequest request)
    {
        var choices = request.AvailableDestinations;
        if (choices.Count == 1)
            return choices[0];
        var name = request.Cluster.Config.LoadBalancingPolicy;
        var policy = _balancing[string.IsNullOrEmpty(name) ? DefaultBalancing : name];
        return policy.PickDestination(http, request.Route.Cluster!, choices) ?? choices[0];
    }

    private static void LimitBody(HttpContext http, long? bytes)
    {
        const long Unlimited = -1;
        if (bytes is { } limit && http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = limit == Unlimited ? null : limit;
    }
}
