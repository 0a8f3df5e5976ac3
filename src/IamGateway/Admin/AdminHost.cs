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
using IamGateway.WebConsole;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Prometheus;

namespace IamGateway.Admin;

/// <summary>
/// The admin listener: a host of its own, so that nothing of it can be reached through the proxy listener.
/// </summary>
internal sealed class AdminHost(
    GatewaySettings settings, IConfiguration configuration, IWebHostEnvironment environment, ILoggerFactory loggers,
    GatewayMetrics metrics, IServiceProvider gateway) : IHostedService
{
    private WebApplication? _app;

    /// <summary>The address it listens on.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The services of this host, which has its endpoints.</summary>
    public IServiceProvider Services =>
        _app?.Services ?? throw new InvalidOperationException("The admin host has not started.");

    public int Port => new Uri(
        Address.Replace("*", "localhost", StringComparison.Ordinal)
            .Replace("[::]", "localhost", StringComparison.Ordinal)).Port;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { EnvironmentName = environment.EnvironmentName });
        builder.Configuration.Sources.Clear();
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 256 * 1024;
            gateway.GetRequiredService<Listeners>().Configure(
                kestrel, GatewayConfiguration.Listener(configuration, "Admin", GatewayHost.DefaultAdminUrl));
        });
        Share<GatewaySettings>(builder);
        Share<Replica>(builder);
        Share<IRoutingStore>(builder);
        Share<IPinStore>(builder);
        Share<StoreOutbox>(builder);
        Share<InFlight>(builder);
        Share<InstanceTable>(builder);
        Share<SessionCensus>(builder);
        Share<InstanceHealth>(builder);
        Share<ReplicaReports>(builder);
        Share<DrainWatch>(builder);
        Share<SessionPlaces>(builder);
        Share<History>(builder);
        Share<TimeProvider>(builder);
        Share<PreconditionChecker>(builder);
        Share<DrainProgress>(builder);
        builder.Services.AddSingleton(metrics);
        builder.Services.AddSingleton<WeightsCommand>();
        builder.Services.AddSingleton<RolloutPresenter>();
        builder.Services.AddSingleton<LastInstance>();
        builder.Services.AddSingleton<InstancePresenter>();
        builder.Services.AddSingleton<ConsoleFiles>();
        builder.Services.AddSingleton<ConsoleTokens>();
        builder.Services.AddSingleton<AdminPeers>();
        builder.Services.AddSingleton<CredentialThrottle>();
        builder.Services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.Converters.Add(new System.Text.Json.Serialization.JsonStringEnumConverter(
                System.Text.Json.JsonNamingPolicy.CamelCase));
        });
        builder.Services.AddProblemDetails();
        builder.Services.AddOpenApi("v1");
        builder.Services.AddAdminAuthentication(settings.Options.Admin);
        _app = builder.Build();
        metrics.Registry.AddBeforeCollectCallback(Look(_app.Services));
        _app.UseConsole();
        _app.UseExceptionHandler(AdminProblems.Handler);
        _app.UseStatusCodePages(AdminProblems.WriteStatusAsync);
        _app.UseOwnPageOnly();
        _app.UseAuthentication();
        _app.UseCredentialThrottle();
        _app.UseAuthorization();
        _app.MapOpenApi("/openapi/v1.json").AllowAnonymous();
        _app.MapMetrics("/metrics", metrics.Registry).AllowAnonymous();
        _app.MapHealth();
        _app.MapAdminApi();
        await _app.StartAsync(cancellationToken);
        Address = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .First();
    }

    // What depends on what is in flight, or on how long ago something was heard of, is looked at when asked for.
    private Action Look(IServiceProvider services)
    {
        var presenter = services.GetRequiredService<InstancePresenter>();
        var replica = services.GetRequiredService<Replica>();
        var reports = services.GetRequiredService<ReplicaReports>();
        var recorder = gateway.GetRequiredService<RequestRecorder>();
        return () =>
        {
            foreach (var instance in recorder.All)
                instance.ShowInFlight();
            metrics.InstanceStates(presenter.States());
            if (!replica.HasView)
                return;
            var state = replica.View.State;
            metrics.UsableInstances(state.Active.Select(v => (v.Version.ToString(), presenter.Usable(v.Version))));
            var silent = reports.Silent.Select(r => r.Id).ToHashSet();
            // A process that was killed and started again under its name may stand there twice.
            metrics.SilentReplicas(state.Replicas.Where(r => !r.Forgotten).GroupBy(r => r.Name)
                .Select(n => (n.Key, n.Any(r => silent.Contains(r.Id)))));
        };
    }

    // As instances: a container disposes what its factories made, and these belong to the proxy host.
    private void Share<T>(WebApplicationBuilder builder)
        where T : class =>
        builder.Services.AddSingleton(gateway.GetRequiredService<T>());

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_app is null)
            return;
        await _app.StopAsync(cancellationToken);
        await _app.DisposeAsync();
    }
}
