using IamGateway.Configuration;
using IamGateway.Instances;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace IamGateway.Forwarding;

/// <summary>
/// YARP's own configuration with the instances that the API registered, and with defaults for the IAM's cluster: active
/// and passive health checks. No instance may be silent for longer than RequestTimeout, which leases rely on.
/// </summary>
internal sealed class OverlayConfigProvider : IProxyConfigProvider, IDisposable
{
    private readonly IProxyConfigProvider _inner;
    private readonly InstanceTable _instances;
    private readonly GatewayOptions _options;
    private readonly IDisposable _subscription;
    private CancellationTokenSource _changed = new();

    public OverlayConfigProvider(IProxyConfigProvider inner, InstanceTable instances, GatewaySettings settings)
    {
        _inner = inner;
        _instances = instances;
        _options = settings.Options;
        _subscription = ChangeToken.OnChange(() => _inner.GetConfig().ChangeToken, Changed);
        instances.AddressesChanged += Changed;
    }

    public IProxyConfig GetConfig()
    {
        var inner = _inner.GetConfig();
        return new Overlay(
            inner.Routes,
            [.. inner.Clusters.Select(c => c.ClusterId == _options.Cluster ? Overlaid(c) : c)],
            new CancellationChangeToken(Volatile.Read(ref _changed).Token));
    }

    private ClusterConfig Overlaid(ClusterConfig cluster)
    {
        var destinations = cluster.Destinations?.ToDictionary(
            d => d.Key, d => d.Value, StringComparer.OrdinalIgnoreCase)
            ?? new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var instance in _instances.All)
        {
            destinations[instance.Id] = (destinations.GetValueOrDefault(instance.Id) ?? new DestinationConfig())
                with
            { Address = instance.Address };
        }

        return cluster with
        {
            Destinations = destinations,
            HttpRequest = (cluster.HttpRequest ?? ForwarderRequestConfig.Empty) with
            {
                ActivityTimeout = cluster.HttpRequest?.ActivityTimeout is { } own && own < _options.RequestTimeout
                    ? own
                    : _options.RequestTimeout,
            },
            HealthCheck = (cluster.HealthCheck ?? new HealthCheckConfig()) with
            {
                Active = cluster.HealthCheck?.Active ?? new ActiveHealthCheckConfig
                {
                    Enabled = true,
                    Interval = TimeSpan.FromSeconds(5),
                    Timeout = TimeSpan.FromSeconds(2),
                    Policy = AlivePolicy.PolicyName,
                    Path = _options.Versions.Discovery.Path ?? "/",
                },
                Passive = cluster.HealthCheck?.Passive ?? new PassiveHealthCheckConfig
                {
                    Enabled = true,
                    Policy = FailuresInARow.PolicyName,
                    ReactivationPeriod = TimeSpan.FromSeconds(2),
                },
            },
        };
    }

    private void Changed()
    {
        var previous = Interlocked.Exchange(ref _changed, new CancellationTokenSource());
        previous.Cancel();
        previous.Dispose();
    }

    public void Dispose()
    {
        _subscription.Dispose();
        _changed.Dispose();
    }

    private sealed record Overlay(
        IReadOnlyList<RouteConfig> Routes, IReadOnlyList<ClusterConfig> Clusters,
        IChangeToken ChangeToken) : IProxyConfig;
}
