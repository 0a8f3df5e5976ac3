using System.Net;
using IamGateway.Admin;
using IamGateway.Configuration;
using IamGateway.Drains;
using IamGateway.Edge;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Reports;
using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Transforms.Builder;

namespace IamGateway;

/// <summary>Wires the steps of a request, the store and the hosts.</summary>
internal static class GatewayServices
{
    public static void AddGateway(
        this IServiceCollection services, GatewaySettings settings, IConfiguration configuration,
        RedisConnection? redis,
        GatewayMetrics metrics)
    {
        services.AddSingleton(settings);
        services.AddSingleton(settings.Sessions);
        services.AddSingleton(metrics);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => new Random());
        AddStore(services, settings, redis);
        services.AddSingleton<InFlight>();
        services.AddSingleton<InstanceTable>();
        services.AddSingleton<ConfigurationReload>();
        services.AddSingleton<InstanceNames>();
        services.TryAddSingleton<ResolveHost>(_ => Dns.GetHostAddressesAsync);
        services.AddSingleton<InstanceHealth>();
        services.AddSingleton<VersionProbe>();
        services.AddSingleton<InstanceTruth>();
        services.AddSingleton<ProvenConnector>();
        services.AddSingleton<InstanceTls>();
        services.AddSingleton<Succession>();
        services.AddSingleton<PinRepair>();
        services.AddSingleton<StoreOutbox>();
        services.AddSingleton<Replica>();
        services.AddSingleton<SharedLeases>();
        services.AddSingleton<SessionRouter>();
        services.AddSingleton<SessionPlaces>();
        services.AddSingleton<IssuedBody>();
        services.AddSingleton<IssuedNames>();
        services.AddSingleton<Witness>();
        services.AddSingleton<AccessLog>();
        services.AddSingleton<RequestRecorder>();
        services.AddSingleton<RetryBudget>();
        services.AddSingleton<Retries>();
        services.AddSingleton<OpenConnections>();
        services.AddSingleton<GatewayTransforms>();
        services.AddSingleton<InstanceForwarder>();
        services.AddEdge();
        services.AddSingleton<SessionCensus>();
        services.AddSingleton<ReplicaReports>();
        services.AddSingleton<RolloutHttp>();
        services.AddSingleton<RolloutGates>();
        services.AddSingleton<RolloutWebhooks>();
        services.AddSingleton<DrainProgress>();
        services.AddSingleton<PreconditionChecker>();
        services.AddSingleton<DrainWatch>();
        services.AddSingleton<History>();
        // In this order on the way up, in the reverse order on the way down; the proxy listener comes last and goes
        // first.
        services.AddSingleton<AdminHost>();
        services.AddHostedService(p => p.GetRequiredService<AdminHost>());
        services.AddHostedService<ReplicaHost>();
        services.AddHostedService(p => p.GetRequiredService<SharedLeases>());
        services.AddHostedService(p => p.GetRequiredService<InstanceNames>());
        services.AddHostedService(p => p.GetRequiredService<InstanceTruth>());
        services.AddHostedService(p => p.GetRequiredService<SessionCensus>());
        services.AddHostedService(p => p.GetRequiredService<ReplicaReports>());
        services.AddHostedService(p => p.GetRequiredService<RolloutWebhooks>());
        services.AddHostedService<RolloutExecutor>();
        AddProxy(services, configuration);
        services.AddTracing(configuration);
    }

    private static void AddStore(IServiceCollection services, GatewaySettings settings, RedisConnection? redis)
    {
        if (redis is null)
        {
            services.TryAddSingleton<IPinStore>(p => new MemoryPinStore(
                p.GetRequiredService<TimeProvider>(), settings.Options.Store.MaxSessions,
                p.GetRequiredService<GatewayMetrics>()));
            services.AddSingleton<IRoutingStore>(_ => new MemoryRoutingStore(settings.Options.Store.StateFile));
            services.AddSingleton<IReportStore, MemoryReportStore>();
            services.AddSingleton<IRolloutLease, MemoryRolloutLease>();
            return;
        }

        services.AddSingleton(redis);
        services.AddSingleton<RedisLogin>();
        services.AddSingleton<IPinStore, RedisPinStore>();
        services.AddSingleton<IRoutingStore, RedisRoutingStore>();
        services.AddSingleton<IReportStore, RedisReportStore>();
        services.AddSingleton<IRolloutLease, RedisRolloutLease>();
    }

    private static void AddProxy(IServiceCollection services, IConfiguration configuration)
    {
        services.AddReverseProxy()
            .LoadFromConfig(configuration.GetSection("ReverseProxy"))
            .AddTransforms(TransformBuilder.Add);
        // No route can ask who the user is, so no step of each request needs to look whether one does.
        services.RemoveAll<IAuthorizationHandlerProvider>();
        services.RemoveAll<IAuthorizationService>();
        services.RemoveAll<IPolicyEvaluator>();
        services.AddSingleton<IForwarderHttpClientFactory, InstanceClientFactory>();
        services.AddSingleton<IPassiveHealthCheckPolicy, FailuresInARow>();
        services.AddSingleton<IActiveHealthCheckPolicy, AlivePolicy>();
        var builder = services.Last(s => s.ServiceType == typeof(ITransformBuilder)).ImplementationType!;
        services.AddSingleton<ITransformBuilder>(p => new TransformBuilder(
            (ITransformBuilder)ActivatorUtilities.CreateInstance(p, builder),
            p.GetRequiredService<GatewayTransforms>(),
            p.GetRequiredService<GatewaySettings>()));
        // The provider that LoadFromConfig registered, with the API's instances laid over it.
        var inner = services.Last(s => s.ServiceType == typeof(IProxyConfigProvider));
        services.Remove(inner);
        services.AddSingleton<IProxyConfigProvider>(p => new OverlayConfigProvider(
            (IProxyConfigProvider)inner.ImplementationFactory!(p),
            p.GetRequiredService<InstanceTable>(),
            p.GetRequiredService<InstanceNames>(),
            p.GetRequiredService<GatewaySettings>(),
            p.GetRequiredService<ConfigurationReload>()));
    }
}
