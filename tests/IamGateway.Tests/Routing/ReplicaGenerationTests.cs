using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Tests.Routing;

public sealed class ReplicaGenerationTests
{
    private static readonly SessionKey One = new(1);
    private static readonly SessionKey Two = new(2);
    private readonly RoutingStoreDouble _store = new();
    private readonly HookedPinStore _pins = new();

    [Fact]
    public async Task Look_AnotherHistoryHasOvertakenTheLostOne_ThePhaseDoesNotGoBack()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        var before = _store.State!;
        await rig.ActivateAsync();

        _store.FailOver("run-2", before.FailedOver() with { Sequence = _store.State!.Sequence + 10 });
        var isAcknowledged = await rig.Replica.WaitForAsync(
            s => s.Generation.RunIds.Contains("run-2") && s.IsAcknowledged(), ReplicaRig.Patience);

        Assert.True(isAcknowledged);
        Assert.Equal(RoutingPhase.Active, rig.Replica.View.State.Phase);
        Assert.Equal(RoutingPhase.Active, _store.State!.Phase);
    }

    [Fact]
    public async Task Start_AnotherReplicaHasNotAcknowledgedTheGeneration_WaitsForIt()
    {
        _store.FailOver("run-2", RolloutStates.Steady());
        await using var rig = new ReplicaRig(_store, _pins);
        var started = rig.StartAsync("b");
        while (!started.IsCompleted
            && rig.Replica.NotReadyReason?.Contains("a did not acknowledge", StringComparison.Ordinal) != true)
            await Task.WhenAny(started, Task.Delay(10));

        Assert.False(started.IsCompleted);
        Assert.False(rig.Replica.CanServe);
        _store.Change(s => s.Acknowledge(s.Replicas.Single(r => r.Name == "a").Id, s.Revision, default));
        await started.WaitAsync(ReplicaRig.Patience);
        Assert.True(rig.Replica.CanServe);
    }

    [Fact]
    public async Task Start_StoreWasAwayForLongAndComesBackEmpty_LeavesItToOthersToPutTheStateBack()
    {
        var away = TimeSpan.FromSeconds(1);
        var started = TimeProvider.System.GetTimestamp();
        var answers = 0;
        _store.BeforeRead = _ =>
        {
            if (TimeProvider.System.GetElapsedTime(started) < away)
                throw new StoreUnavailableException("away");
            // The first answer finds nothing; then another replica has put its state back.
            if (++answers == 2)
                _store.FailOver("run-1", RolloutStates.Active());
        };
        await using var rig = new ReplicaRig(_store, _pins);

        await rig.StartAsync("b");

        Assert.Equal(RoutingPhase.Active, rig.Replica.View.State.Phase);
        Assert.Equal(["a", "b"], rig.Replica.View.State.Replicas.Select(r => r.Name));
    }

    [Fact]
    public async Task Look_TwoHistoriesHoldAProcessOfOneAddress_TheOtherOneIsForgotten()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        var twin = _store.State!.Replicas.Single() with { Id = 1 };

        _store.Change(s => s.Restore(twin));

        Assert.True(await rig.Replica.WaitForAsync(
            s => s.Replicas.Any(r => r.Id == twin.Id && r.Forgotten), ReplicaRig.Patience));
        Assert.False(rig.Replica.IsForgotten);
    }

    [Fact]
    public async Task Acknowledge_RequestOfTheGenerationBeforeIsAtWork_WaitsForItsEnd()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        await rig.ActivateAsync();
        var request = rig.Send(One);

        _store.FailOver("run-2", _store.State);

        Assert.True(await rig.Replica.WaitForAsync(s => s.Generation.RunIds.Contains("run-2"), ReplicaRig.Patience));
        Assert.False(await rig.Replica.WaitForAsync(s => s.GenerationAcknowledged, TimeSpan.FromMilliseconds(300)));
        rig.InFlight.Remove(request);
        Assert.True(await rig.Replica.WaitForAsync(s => s.GenerationAcknowledged, ReplicaRig.Patience));
    }

    [Fact]
    public async Task Acknowledge_QueueWaitsForAFurtherGeneration_ThatIsSeenMeanwhile()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        await rig.ActivateAsync();
        _pins.BeforeApply = terms =>
        {
            if (!terms.RunIds.Contains("run-3", StringComparison.Ordinal))
                throw new StoreUnavailableException("The store is of another generation.");
        };
        rig.Outbox.Add(new StoreWrite(StoreWriteKind.Link, One, Target: Two));

        _store.FailOver("run-2", _store.State);
        Assert.True(await rig.Replica.WaitForAsync(s => s.Generation.RunIds.Contains("run-2"), ReplicaRig.Patience));
        _store.FailOver("run-3", _store.State);

        Assert.True(await rig.Replica.WaitForAsync(
            s => s.Generation.RunIds.Contains("run-3") && s.GenerationAcknowledged, ReplicaRig.Patience));
    }

    [Fact]
    public async Task Lease_SecondSessionFailedAtFirst_BothAreLeased()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        await rig.ActivateAsync();
        var request = rig.Send(One, Two);
        var failures = 1;
        _pins.BeforeLease = key => key == Two && failures-- > 0
            ? Task.FromException(new StoreUnavailableException("away"))
            : Task.CompletedTask;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => rig.Replica.LeaseAsync(rig.Replica.View, request));
        await rig.Replica.LeaseAsync(rig.Replica.View, request);

        Assert.Equal(1, await _pins.LeasesAsync(One));
        Assert.Equal(1, await _pins.LeasesAsync(Two));
    }

    [Fact]
    public async Task Lease_CarriedOutAndNotAnswered_IsGivenBackWithTheRequest()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        await rig.ActivateAsync();
        var request = rig.Send(One);
        _pins.AfterLease = _ => Task.FromException(new StoreUnavailableException("no answer in time"));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => rig.Replica.LeaseAsync(rig.Replica.View, request));

        Assert.Equal(1, await _pins.LeasesAsync(One));
        Assert.Equal([One], request.Leased!);
    }

    [Fact]
    public async Task Lease_RequestGivesItsLeasesBackMeanwhile_NothingIsLeasedForTheOneDecidedAnew()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        await rig.ActivateAsync();
        var request = rig.Send(One, Two);
        _pins.BeforeLease = _ =>
        {
            lock (request)
            {
                request.RenameLease(rig.Replica.Id);
                request.Leased!.Clear();
            }

            return Task.CompletedTask;
        };

        await rig.Replica.LeaseAsync(rig.Replica.View, request);
        await rig.Outbox.FlushAsync(CancellationToken.None);

        Assert.Empty(request.Leased!);
        Assert.Null(request.LeasedIn);
        Assert.Equal((0, 0), (await _pins.LeasesAsync(One), await _pins.LeasesAsync(Two)));
    }

    [Fact]
    public async Task Bind_PrepareIsAcknowledgedWhileTheNameIsWritten_TheSessionIsLeased()
    {
        await using var rig = new ReplicaRig(_store, _pins);
        await rig.StartAsync("a");
        _store.Change(s => s.Register("b", "b", default).State);
        var request = rig.Send();
        await rig.BeginAsync();
        Assert.True(await rig.Replica.WaitForAsync(s => s.Phase == RoutingPhase.Flush, ReplicaRig.Patience));
        var (isWriting, mayGoOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        _pins.BeforeLease = _ =>
        {
            isWriting.TrySetResult();
            return mayGoOn.Task;
        };

        var bound = rig.Names.BindAsync(request, [new Handle(One, 0)]).AsTask();
        await isWriting.Task.WaitAsync(ReplicaRig.Patience);
        _store.Change(s => s.Acknowledge(s.Replicas.Single(r => r.Name == "b").Id, s.Revision, default));
        Assert.True(await rig.Replica.WaitForAsync(
            s => s.Phase == RoutingPhase.Prepare && s.Replicas.Single(r => r.Name == "a").Acknowledged >= s.Revision,
            ReplicaRig.Patience));
        mayGoOn.SetResult();
        await bound.WaitAsync(ReplicaRig.Patience);

        Assert.Equal(RefusalCode.None, request.Refusal);
        Assert.Equal(1, await _pins.LeasesAsync(One));
    }
}
