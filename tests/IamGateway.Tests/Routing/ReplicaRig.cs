using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Reports;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace IamGateway.Tests.Routing;

/// <summary>One replica without listeners, on stores of the test. Its versions are 8.2.1, active, and 8.3.0.</summary>
internal sealed class ReplicaRig : IAsyncDisposable
{
    public ReplicaRig(IRoutingStore store, IPinStore pins, params (string Key, string? Value)[] more)
    {
        var problems = new ConfigurationProblems();
        var arguments = Gateway.Arguments([], new Dictionary<string, string?>(
            more.Select(m => KeyValuePair.Create(m.Key, m.Value)))
        {
            ["ReverseProxy:Clusters:iam:Destinations:a:Address"] = "http://127.0.0.1:9001",
            ["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = "8.2.1",
            ["ReverseProxy:Clusters:iam:Destinations:b:Address"] = "http://127.0.0.1:9002",
            ["ReverseProxy:Clusters:iam:Destinations:b:Metadata:Version"] = "8.3.0",
        });
        var configuration = new ConfigurationBuilder().AddCommandLine(arguments).Build();
        var settings = GatewaySettingsReader.Read(configuration, "Test", problems)
            ?? throw new InvalidOperationException(string.Join('\n', problems.Lines));
        Settings = settings;
        var metrics = new GatewayMetrics();
        Outbox = new StoreOutbox(pins, metrics, TimeProvider.System);
        Replica = new Replica(
            store, pins, Outbox, InFlight, new InstanceTable(settings), settings, metrics, TimeProvider.System,
            NullLogger<Replica>.Instance);
        Names = new IssuedNames(
            settings.Sessions, new IssuedBody(settings.Sessions, metrics), Replica, pins, Outbox,
            new SessionPlaces(
                Replica, pins, Outbox, new InstanceTable(settings), settings, TimeProvider.System, new Random(1)),
            settings, TimeProvider.System);
    }

    public GatewaySettings Settings { get; }

    public Replica Replica { get; }

    public InFlight InFlight { get; } = new();

    public StoreOutbox Outbox { get; }

    public IssuedNames Names { get; }

    public Task StartAsync(string name) => Replica.StartAsync(name, name, CancellationToken.None);

    /// <summary>Gives 8.3.0 half of the new sessions and waits until it is active.</summary>
    public async Task ActivateAsync()
    {
        await BeginAsync();
        Assert.True(await Replica.WaitForAsync(s => s.Phase == RoutingPhase.Active && s.IsAcknowledged(), Patience));
    }

    public async Task BeginAsync()
    {
        var weights = new Dictionary<VersionId, int> { [RolloutStates.Old] = 50, [RolloutStates.New] = 50 };
        var change = await Replica.ChangeAsync(s => s.SetWeights(weights), "test", "weights.set", null);
        Assert.Null(change.Refusal);
    }

    /// <summary>A request of these handles that was sent to 8.2.1 under the present view.</summary>
    public GatewayRequest Send(params SessionKey[] handles)
    {
        var request = InFlight.Add();
        foreach (var handle in handles)
            request.AddHandle(new Handle(handle, 0));
        request.View = Replica.View;
        request.Version = RolloutStates.Old;
        request.Ordinal = 1;
        return request;
    }

    public SharedLeases Leases(TimeProvider time, IPinStore? store = null) =>
        new(store ?? new FakePinStore(), Outbox, Replica, InFlight, Settings, time);

    /// <summary>What this replica reports and reads on a store of reports.</summary>
    public Reporting ReportsOn(IReportStore store, TimeProvider time)
    {
        var metrics = new GatewayMetrics();
        var recorder = new RequestRecorder(metrics, new AccessLog(Settings, NullLoggerFactory.Instance), time);
        var table = new InstanceTable(Settings);
        var router = new SessionRouter(
            Replica, new FakePinStore(), Outbox, Leases(time), Settings, metrics, time, new Random(1));
        var connections = new OpenConnections(
            Replica, table, router, Settings, time, new Random(1), NullLogger<OpenConnections>.Instance);
        var census = new SessionCensus(
            new FakePinStore(), Replica, Settings, metrics, time, NullLogger<SessionCensus>.Instance);
        return new Reporting(
            new ReplicaReports(store, Replica, InFlight, table, connections, recorder, metrics, time), recorder,
            metrics, table, connections, census);
    }

    public sealed record Reporting(
        ReplicaReports Reports, RequestRecorder Recorder, GatewayMetrics Metrics, InstanceTable Table,
        OpenConnections Connections, SessionCensus Census);

    public static TimeSpan Patience => TimeSpan.FromSeconds(20);

    public async ValueTask DisposeAsync()
    {
        foreach (var request in InFlight.Snapshot())
            InFlight.Remove(request);
        await Replica.LeaveAsync(CancellationToken.None);
        Replica.Dispose();
    }
}
