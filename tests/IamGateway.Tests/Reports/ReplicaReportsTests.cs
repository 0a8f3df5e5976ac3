using IamGateway.Forwarding;
using IamGateway.Recording;
using IamGateway.Reports;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Reports;

/// <summary>Two replicas on one store of reports.</summary>
public sealed class ReplicaReportsTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryReportStore _store = new();
    private readonly RoutingStoreDouble _routing = new();
    private readonly List<ReplicaRig> _rigs = [];

    public async ValueTask InitializeAsync()
    {
        await StartAsync("a");
        await StartAsync("b");
        Assert.True(await _rigs[0].Replica.WaitForAsync(s => s.Replicas.Length == 2, ReplicaRig.Patience));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var rig in _rigs)
            await rig.DisposeAsync();
    }

    private async Task StartAsync(string name)
    {
        var rig = new ReplicaRig(_routing, new FakePinStore());
        _rigs.Add(rig);
        await rig.StartAsync(name);
    }

    private (ReplicaReports Reports, RequestRecorder Recorder, GatewayMetrics Metrics) Of(ReplicaRig rig)
    {
        var reporting = rig.ReportsOn(_store, _time);
        return (reporting.Reports, reporting.Recorder, reporting.Metrics);
    }

    [Fact]
    public async Task Exchange_CountedRequests_AreInTheReportThatTheOtherReads()
    {
        var (a, recorder, metrics) = Of(_rigs[0]);
        var (b, _, _) = Of(_rigs[1]);
        recorder.For("a", States.V1).Record(Decision.Pinned, 200, 0.003);
        recorder.For("a", States.V1).Record(Decision.New, 502, 11);
        recorder.For("a", States.V1).Record(Decision.Refused, 503, 0.1);
        recorder.For("b", States.V2).Record(Decision.Final, 101, 3600);
        metrics.Refused(RefusalCode.BarrierTimeout, 503);
        metrics.Refused(RefusalCode.VersionRevoked, 401);
        metrics.Violation();

        await a.ExchangeAsync(CancellationToken.None);
        await b.ExchangeAsync(CancellationToken.None);

        var report = b.Latest.Single(r => r.Replica == _rigs[0].Replica.Id);
        var old = report.Version(States.V1)!;
        Assert.Equal((2, 1), (old.Requests, old.ServerErrors));
        Assert.Equal([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], old.Durations);
        var upgraded = report.Version(States.V2)!;
        Assert.Equal((1, 0, 0), (upgraded.Requests, upgraded.ServerErrors, upgraded.Durations.Sum()));
        Assert.Equal((1, 1), (report.Refusals, report.Violations));
        Assert.Equal((2, 1), (report.Instance("a")!.Requests, report.Instance("b")!.Requests));
    }

    [Fact]
    public async Task Exchange_RequestsAtWork_AreCountedWithThoseCutOff()
    {
        var (a, _, _) = Of(_rigs[0]);
        foreach (var cutOff in new[] { false, true })
        {
            var request = _rigs[0].Send();
            (request.InstanceId, request.CutOff, request.IsUpgraded) = ("a", cutOff, !cutOff);
        }

        _rigs[0].Send();

        await a.ExchangeAsync(CancellationToken.None);

        var report = Assert.Single(a.Latest);
        Assert.Equal((2, 1), (report.Instance("a")!.InFlight, report.Instance("a")!.Upgraded));
        Assert.Equal((2, 0), (report.Version(States.V1)!.InFlight, report.Version(States.V2)!.InFlight));
    }

    [Fact]
    public async Task Latest_ReplicaThatReportsNoMore_IsStaleAfterFiveSecondsOfTheReadersClock()
    {
        var ((a, _, _), (b, _, _)) = (Of(_rigs[0]), Of(_rigs[1]));
        await b.ExchangeAsync(CancellationToken.None);
        await a.ExchangeAsync(CancellationToken.None);
        Assert.Equal(2, a.Latest.Count);
        Assert.Empty(a.Silent);

        _time.Advance(TimeSpan.FromSeconds(4.9));
        await a.ExchangeAsync(CancellationToken.None);
        Assert.Equal(2, a.Latest.Count);

        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(_rigs[0].Replica.Id, Assert.Single(a.Latest).Replica);
        Assert.Equal(_rigs[1].Replica.Id, Assert.Single(a.Stale).Replica);
        Assert.Equal("b", Assert.Single(a.Silent).Name);

        await b.ExchangeAsync(CancellationToken.None);
        await a.ExchangeAsync(CancellationToken.None);
        Assert.Equal(2, a.Latest.Count);
    }

    [Fact]
    public async Task Exchange_ReplicaThatIsGone_DeletesItsReport()
    {
        var ((a, _, _), (b, _, _)) = (Of(_rigs[0]), Of(_rigs[1]));
        await b.ExchangeAsync(CancellationToken.None);
        var gone = _rigs[1].Replica.Id;
        await _rigs[0].Replica.ChangeAsync(s => s.Remove(gone, States.Now), "test", "replica.removed", null);

        await a.ExchangeAsync(CancellationToken.None);

        Assert.Equal(_rigs[0].Replica.Id, Assert.Single(a.Latest).Replica);
        Assert.Equal(_rigs[0].Replica.Id, Assert.Single(await _store.ReadAsync()).Replica);
    }

    [Fact]
    public async Task Exchange_RegistrationNotHeardOfYet_StaysAndIsNotAmongTheLatest()
    {
        var (a, _, _) = Of(_rigs[0]);
        var coming = _rigs[0].Replica.View.State.NextReplica;
        await _store.WriteAsync(SomeReports.Of(coming, number: 1));

        await a.ExchangeAsync(CancellationToken.None);

        Assert.Single(a.Latest);
        Assert.Equal(2, (await _store.ReadAsync()).Count);
    }
}
