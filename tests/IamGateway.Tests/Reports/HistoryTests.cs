using IamGateway.Recording;
using IamGateway.Reports;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Reports;

/// <summary>The history of a replica "a" that reads what "b" reports.</summary>
public sealed class HistoryTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryReportStore _store = new();
    private readonly RoutingStoreDouble _routing = new();
    private readonly List<ReplicaRig> _rigs = [];
    private ReplicaReports _reports = null!;
    private History _history = null!;
    private long _number;

    public async ValueTask InitializeAsync()
    {
        await StartAsync("a");
        await StartAsync("b");
        var rig = _rigs[0];
        Assert.True(await rig.Replica.WaitForAsync(s => s.Replicas.Length == 2, ReplicaRig.Patience));
        var reporting = rig.ReportsOn(_store, _time);
        _reports = reporting.Reports;
        _history = new History(_reports, rig.Replica, reporting.Census, _time);
    }

    public async ValueTask DisposeAsync()
    {
        _history.Dispose();
        _reports.Dispose();
        foreach (var rig in _rigs)
            await rig.DisposeAsync();
    }

    private async Task StartAsync(string name)
    {
        var rig = new ReplicaRig(_routing, new FakePinStore());
        _rigs.Add(rig);
        await rig.StartAsync(name);
    }

    /// <summary>What "b" has counted by now, and the look at it five seconds later.</summary>
    private async Task ReportAsync(
        long requests, long errors = 0, long refusals = 0, long migrations = 0, int replica = 1)
    {
        var durations = new long[GatewayMetrics.DurationBounds.Count + 1];
        durations[0] = requests;
        await _store.WriteAsync(new ReplicaReport(
            _rigs[replica].Replica.Id, ++_number, States.Now, [],
            [new VersionReport(States.V1, 0, requests, errors, durations)], refusals, 0, migrations));
        await NextAsync();
    }

    private async Task NextAsync()
    {
        _time.Advance(History.Interval);
        await _reports.ExchangeAsync(CancellationToken.None);
        _history.Look();
    }

    [Fact]
    public async Task Points_OfAReplicaThatWasThereBefore_CountFromWhenItWasFirstSeen()
    {
        await NextAsync();
        await ReportAsync(1000, refusals: 7);
        await ReportAsync(1100, errors: 11, refusals: 10, migrations: 4);

        Assert.Equal(2, _history.Points.Count());
        Assert.Equal(0, _history.Points.First().Refusals + _history.Points.First().Versions.Sum(v => v.Requests));
        var last = _history.Points.Last();
        Assert.Equal((3, 4), (last.Refusals, last.Migrations));
        var version = Assert.Single(last.Versions);
        Assert.Equal((States.V1, 100, 100L, 11L), (version.Version, version.Weight, version.Requests, version.Errors));
        Assert.InRange(version.P99, 0.0005, 0.001);
        Assert.InRange(version.P50, 0.0004, 0.0006);
        Assert.Equal(10, _history.Refusals);
    }

    [Fact]
    public async Task Points_OfAReplicaThatCameLater_CountFromItsBeginning()
    {
        await NextAsync();
        await StartAsync("c");
        Assert.True(await _rigs[0].Replica.WaitForAsync(s => s.Replicas.Length == 3, ReplicaRig.Patience));

        await ReportAsync(30, replica: 2);

        Assert.Equal(30, Assert.Single(_history.Points.Last().Versions).Requests);
    }

    [Fact]
    public async Task Points_OfAReplicaThatIsSilentForAWhile_HaveNothingTwiceAndNothingLost()
    {
        await NextAsync();
        await ReportAsync(10);
        await ReportAsync(20);
        await NextAsync();
        await NextAsync();
        await ReportAsync(50);

        Assert.Equal([0, 10, 0, 0, 30], _history.Points.Select(p => p.Versions.Sum(v => v.Requests)));
    }

    [Fact]
    public async Task Look_BeforeTheIntervalIsOver_MakesNoPoint()
    {
        await NextAsync();
        await NextAsync();
        _time.Advance(History.Interval - TimeSpan.FromMilliseconds(1));

        _history.Look();

        Assert.Single(_history.Points);
    }

    [Fact]
    public async Task Points_OverMoreThanAnHour_AreThoseOfTheLastHourOnly()
    {
        await ReportAsync(0);
        while (_history.Points.Count() < History.MaxPoints)
            await NextAsync();
        var first = _history.Points.First().At;
        await NextAsync();

        Assert.Equal(History.MaxPoints, _history.Points.Count());
        Assert.True(_history.Points.First().At > first);
    }
}
