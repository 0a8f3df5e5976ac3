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
    private readonly InstanceNames _names;
    private readonly GatewayOptions _options;
    private readonly ConfigurationReload _reload;
    private readonly SemaphoreSlim _reloading = new(1);
    private readonly IDisposable _subscription;
    private CancellationTokenSource _changed = new();
    private IProxyConfig _accepted;

    public OverlayConfigProvider(
        IProxyConfigProvider inner, InstanceTable instances, InstanceNames names, GatewaySettings settings,
        ConfigurationReload reload)
    {
        (_inner, _instances, _names, _options, _reload) = (inner, instances, names, settings.Options, reload);
        _accepted = inner.GetConfig();
        _subscription = ChangeToken.OnChange(() => _inner.GetConfig().ChangeToken, () => _ = ReloadAsync());
        instances.AddressesChanged += Changed;
    }

    public IProxyConfig GetConfig() => Overlaid(Volatile.Read(ref _accepted));

    /// <summary>Takes over what the configuration says now, if all of it is valid.</summary>
    private async Task ReloadAsync()
    {
        await _reloading.WaitAsync();
        try
        {
            var config = _inner.GetConfig();
            if (await _reload.ReadAsync(Overlaid(config)) is not { } settings)
                return;
            Volatile.Write(ref _accepted, config);
            await _names.ConfigureAsync(settings.Instances);
            Changed();
            _reload.Applied(settings);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _reload.Failed(e);
        }
        finally
        {
            _reloading.Release();
        }
    }

    private Overlay Overlaid(IProxyConfig config) => new(
        config.Routes,
        [.. config.Clusters.Select(c => c.ClusterId == _options.Cluster ? Overlaid(c) : c)],
        new CancellationChangeToken(Volatile.Read(ref _changed).Token));

    private ClusterConfig Overlaid(ClusterConfig cluster)
    {
        var configured = cluster.Destinations ?? new Dictionary<string, DestinationConfig>();
        var destinations = configured
            .Where(d => d.Value.Metadata?.ContainsKey(InstanceOptions.ResolveName) != true)
            .ToDictionary(d => d.Key, d => d.Value, StringComparer.OrdinalIgnoreCase);
        foreach (var instance in _instances.All)
        {
            var destination = destinations.GetValueOrDefault(instance.Id)
                ?? (_instances.ResolvedFrom(instance.Id) is { } name && configured.TryGetValue(name, out var of)
                    ? Resolved(of, new Uri(instance.Address).Host)
                    : new DestinationConfig());
            destinations[instance.Id] = destination with { Address = instance.Address };
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

    // It is asked for by the name that it was found under.
    private static DestinationConfig Resolved(DestinationConfig name, string host) => name with
    {
        Host = name.Host ?? new Uri(name.Address).Authority,
        Health = name.Health is { Length: > 0 } health ? new UriBuilder(health) { Host = host }.Uri.ToString() : null,
    };

    private void Changed()
    {
        // Not disposed, for YARP may just be asking for its token; it holds nothing of the system.
        Interlocked.Exchange(ref _changed, new CancellationTokenSource()).Cancel();
    }

    public void Dispose()
    {
        _subscription.Dispose();
        _changed.Dispose();
        _reloading.Dispose();
    }

    private sealed record Overlay(
        IReadOnlyList<RouteConfig> Routes, IReadOnlyList<ClusterConfig> Clusters,
        IChangeToken ChangeToken) : IProxyConfig;
}
