using IamGateway.Drains;
using IamGateway.Forwarding;
using IamGateway.Reports;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Tests.Drains;

/// <summary>Two replicas, "a" that is asked and "b", on one store of reports; the instance is "a" too.</summary>
public sealed class DrainWatchTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly MemoryReportStore _store = new();
    private readonly RoutingStoreDouble _routing = new();
    private readonly List<ReplicaRig> _rigs = [];
    private readonly List<ReplicaReports> _reports = [];
    private DrainWatch _watch = null!;

    public async ValueTask InitializeAsync()
    {
        foreach (var name in (string[])["a", "b"])
        {
            var rig = new ReplicaRig(_routing, new FakePinStore());
            _rigs.Add(rig);
            await rig.StartAsync(name);
            var reporting = rig.ReportsOn(_store, _time);
            rig.Replica.Adopted += () => reporting.Table.Apply(rig.Replica.View.State);
            _reports.Add(reporting.Reports);
            if (name == "a")
            {
                _watch = new DrainWatch(
                    rig.Replica, reporting.Table, reporting.Reports, reporting.Census, reporting.Connections,
                    rig.Settings, _time);
            }
        }

        await AgreeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _watch.Dispose();
        foreach (var rig in _rigs)
            await rig.DisposeAsync();
    }

    private async Task AgreeAsync()
    {
        var sequence = _routing.State!.Sequence;
        foreach (var rig in _rigs)
            Assert.True(await rig.Replica.WaitForAsync(s => s.Sequence >= sequence, ReplicaRig.Patience));
    }

    private async Task DrainAsync()
    {
        await _rigs[0].Replica.ChangeAsync(s => s.Drain("a", States.Now), "test", "instance.drain", "a");
        await AgreeAsync();
    }

    private async Task ResumeAsync()
    {
        await _rigs[0].Replica.ChangeAsync(s => s.Resume("a", States.Now), "test", "instance.resume", "a");
        await AgreeAsync();
    }

    /// <summary>The other replica reports, then the one that is asked reads it.</summary>
    private async Task ExchangeAsync()
    {
        await _reports[1].ExchangeAsync(CancellationToken.None);
        await _reports[0].ExchangeAsync(CancellationToken.None);
    }

    private GatewayRequest SendFromB()
    {
        var request = _rigs[1].Send();
        request.Choose(new DestinationState("a"));
        return request;
    }

    private DrainStatus Status => _watch.Of("a")!;

    [Fact]
    public async Task Of_InstanceThatIsNotDraining_IsNothing()
    {
        Assert.Null(_watch.Of("a"));
        await DrainAsync();
        Assert.NotNull(_watch.Of("A"));
        Assert.Null(_watch.Of("b"));
    }

    [Fact]
    public async Task Of_ReportMadeBeforeTheDrain_DoesNotCount()
    {
        await ExchangeAsync();
        await DrainAsync();

        Assert.Equal("b", Assert.Single(Status.WaitingFor));
        Assert.False(Status.IsDone);

        await ExchangeAsync();
        Assert.True(Status.IsDone);
    }

    [Fact]
    public async Task Of_ReportOfAnEarlierDrain_DoesNotCount()
    {
        await DrainAsync();
        await ExchangeAsync();
        Assert.True(Status.IsDone);
        await ResumeAsync();
        SendFromB();
        await DrainAsync();

        Assert.False(Status.IsDone);
        await ExchangeAsync();
        Assert.Equal((1, 0), (Status.InFlight, Status.WaitingFor.Count));
    }

    [Fact]
    public async Task Of_DrainedTwice_IsTheSameDrain()
    {
        await DrainAsync();
        await ExchangeAsync();
        await DrainAsync();

        Assert.True(Status.IsDone);
    }

    [Fact]
    public async Task Of_ReplicaThatFallsSilent_IsNamed()
    {
        await DrainAsync();
        await ExchangeAsync();
        _time.Advance(TimeSpan.FromSeconds(5));
        await _reports[0].ExchangeAsync(CancellationToken.None);

        Assert.Equal("b", Assert.Single(Status.WaitingFor));
        Assert.False(Status.IsDone);
    }

    [Fact]
    public async Task Of_ReplicaForgottenWithoutAReport_IsWaitedForUntilItIsRemoved()
    {
        await DrainAsync();
        var gone = _rigs[1].Replica.Id;
        await _rigs[0].Replica.ChangeAsync(s => s.Forget(gone), "test", "replica.forgotten", "b");
        await _reports[0].ExchangeAsync(CancellationToken.None);

        Assert.Equal("b", Assert.Single(Status.WaitingFor));

        await _rigs[0].Replica.ChangeAsync(s => s.Remove(gone, States.Now), "test", "replica.removed", "b");
        Assert.True(Status.IsDone);
    }

    [Fact]
    public async Task Of_RequestsOfTheOtherReplica_CountWithThisOnesOfThisMoment()
    {
        await DrainAsync();
        SendFromB();
        await ExchangeAsync();
        var own = _rigs[0].Send();
        own.Choose(new DestinationState("a"));

        Assert.Equal((2, 2), (Status.InFlight, _watch.InFlight("a")));
        Assert.Equal(0, _watch.InFlight("b"));
    }

    [Fact]
    public async Task Wait_LastRequestEndsOnTheOtherReplica_Returns()
    {
        var request = SendFromB();
        await DrainAsync();
        await ExchangeAsync();
        await StartLoopsAsync();
        var wait = _watch.WaitAsync("a", TimeSpan.FromHours(1), CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(wait.IsCompleted);

        _rigs[1].InFlight.Remove(request);
        await AdvanceUntilAsync(() => wait.IsCompleted);

        Assert.True(Status.IsDone);
        await StopLoopsAsync();
    }

    [Fact]
    public async Task Wait_TimeIsOver_Returns()
    {
        await DrainAsync();
        var wait = _watch.WaitAsync("a", TimeSpan.FromSeconds(10), CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(wait.IsCompleted);

        _time.Advance(TimeSpan.FromSeconds(1));
        await wait.WaitAsync(ReplicaRig.Patience);

        Assert.False(Status.IsDone);
    }

    [Fact]
    public async Task Wait_CallerGoes_Returns()
    {
        await DrainAsync();
        using var caller = new CancellationTokenSource();
        var wait = _watch.WaitAsync("a", TimeSpan.FromHours(1), caller.Token);
        Assert.False(wait.IsCompleted);

        await caller.CancelAsync();

        await wait.WaitAsync(ReplicaRig.Patience);
    }

    [Fact]
    public async Task Wait_InstanceIsResumed_Returns()
    {
        await DrainAsync();
        await StartLoopsAsync();
        var wait = _watch.WaitAsync("a", TimeSpan.FromHours(1), CancellationToken.None);
        SendFromB();
        await ResumeAsync();

        await AdvanceUntilAsync(() => wait.IsCompleted);

        Assert.Null(_watch.Of("a"));
        await StopLoopsAsync();
    }

    [Fact]
    public async Task EstimatedEnd_RequestsEndOneByOne_IsKnownOnceOneHasEnded()
    {
        var requests = Enumerable.Range(0, 4).Select(_ => SendFromB()).ToArray();
        await DrainAsync();
        await StartLoopsAsync();
        await AdvanceUntilAsync(() => Status.WaitingFor.Count == 0);
        for (var i = 0; i < 3; i++)
            await AdvanceUntilAsync(() => true);
        Assert.Null(Status.EstimatedEnd);

        _rigs[1].InFlight.Remove(requests[0]);
        await AdvanceUntilAsync(() => Status.EstimatedEnd is not null);

        Assert.Equal(3, Status.InFlight);
        Assert.True(Status.EstimatedEnd > _time.GetUtcNow());
        await StopLoopsAsync();
    }

    private async Task StartLoopsAsync()
    {
        foreach (var reports in _reports)
            await reports.StartAsync(CancellationToken.None);
    }

    private async Task StopLoopsAsync()
    {
        foreach (var reports in _reports)
            await reports.StopAsync(CancellationToken.None);
    }

    private async Task AdvanceUntilAsync(Func<bool> isDone)
    {
        // The loops run beside the test; each step lets them look once more.
        for (var i = 0; i == 0 || i < 1000 && !isDone(); i++)
        {
            var looked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _reports[0].Exchanged += Look;
            while (!looked.Task.IsCompleted)
            {
                _time.Advance(TimeSpan.FromSeconds(0.5));
                await Task.WhenAny(looked.Task, Task.Delay(10));
            }

            _reports[0].Exchanged -= Look;

            void Look() => looked.TrySetResult();
        }

        Assert.True(isDone());
    }
}
