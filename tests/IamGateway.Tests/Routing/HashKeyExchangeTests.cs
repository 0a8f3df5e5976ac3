using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

/// <summary>Which replica serves under which IamGateway:Store:HashKey, and when one may begin, change or end.</summary>
public sealed class HashKeyExchangeTests
{
    private const string One = "the-first-key-of-these-tests-0123";
    private const string Two = "the-second-key-of-these-tests-012";
    private readonly RoutingStoreDouble _store = new();
    private readonly HookedPinStore _pins = new();

    [Theory]
    [InlineData(null)]
    [InlineData(One)]
    public async Task Start_SameKeyAsTheOthers_Serves(string? key)
    {
        await using var a = Rig(key);
        await using var b = Rig(key);
        await a.StartAsync("a");
        await b.StartAsync("b");

        Assert.True(a.Replica.CanServe && b.Replica.CanServe);
        Assert.Equal(a.Replica.View.Secret, b.Replica.View.Secret);
        Assert.Equal(key is null, a.Replica.View.State.HashKey.Check is null);
    }

    /// <summary>Whatever is set: while others are registered nothing changes, and nothing is written.</summary>
    [Theory]
    [InlineData(null, One, false, "named without it; take it out here")]
    [InlineData(null, One, true, "named without it; take it out here")]
    [InlineData(One, null, false, "named with one, and here is none; set the one")]
    [InlineData(One, null, true, "named with one, and here is none; set the one")]
    [InlineData(One, Two, false, "named with another one; set the one")]
    [InlineData(One, Two, true, "named with another one; set the one")]
    public async Task Start_AnotherKeyThanTheOthers_StaysOutUntilTheyHaveLeft(
        string? theirs, string? here, bool replaces, string reason)
    {
        await using var a = Rig(theirs);
        await a.StartAsync("a");
        var before = _store.State;
        await using var b = Rig(here, replaces);
        using var stop = new CancellationTokenSource();
        var started = b.Replica.StartAsync("b", "b", stop.Token);
        await UntilReasonAsync(b, started, reason);

        Assert.Contains("or stop a first", b.Replica.NotReadyReason, StringComparison.Ordinal);
        Assert.StartsWith("IamGateway:Store:HashKey: ", b.Replica.NotReadyReason, StringComparison.Ordinal);
        Assert.False(b.Replica.CanServe || b.Replica.HasView);
        Assert.Same(before, _store.State);
        Assert.True(a.Replica.CanServe);
        await a.Replica.LeaveAsync(CancellationToken.None);
        if (theirs is null || replaces)
        {
            await started.WaitAsync(ReplicaRig.Patience);
            Assert.True(b.Replica.CanServe && _store.State!.HashKey.IsOf(here));
            Assert.NotEqual(before!.Id, _store.State!.Id);
            Assert.NotEqual(before.HashKey.Part, _store.State!.HashKey.Part);
            Assert.True(_store.State!.GenerationAcknowledged);
            return;
        }

        await UntilReasonAsync(b, started, "IamGateway:Store:ReplaceHashKey");
        Assert.True(_store.State!.HashKey.IsOf(theirs));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => started);
    }

    [Fact]
    public async Task Start_ProcessOfThisAddressDied_ItsKeyHoldsNobodyUp()
    {
        await using var dead = Rig(null);
        await dead.StartAsync("a");
        await using var a = Rig(One);

        await a.StartAsync("a");

        Assert.True(a.Replica.CanServe && _store.State!.HashKey.IsOf(One));
    }

    [Fact]
    public async Task Start_AnotherKeyWhileTwoVersionsAreActive_IsRefused()
    {
        await using (var a = Rig(null))
        {
            await a.StartAsync("a");
            await a.ActivateAsync();
        }

        await using var b = Rig(One, replaces: true);
        using var stop = new CancellationTokenSource();
        var started = b.Replica.StartAsync("b", "b", stop.Token);
        await UntilReasonAsync(b, started, "until a single version is active");

        Assert.True(_store.State!.HashKey.IsOf(null));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => started);
    }

    [Fact]
    public async Task Start_TwoAtOnceThatBeginWithAKey_HaveTheSame()
    {
        await using (var before = Rig(null))
            await before.StartAsync("before");
        await using var a = Rig(One);
        await using var b = Rig(One);

        await Task.WhenAll(a.StartAsync("a"), b.StartAsync("b")).WaitAsync(ReplicaRig.Patience);

        Assert.True(await a.Replica.WaitForAsync(s => s.Replicas.Length == 2, ReplicaRig.Patience));
        Assert.True(await b.Replica.WaitForAsync(s => s.Replicas.Length == 2, ReplicaRig.Patience));
        Assert.Equal(a.Replica.View.Secret, b.Replica.View.Secret);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Two)]
    public async Task Look_StoreIsTakenOverByALaterHistoryOfAnotherKey_ServesNothingMore(string? theirs)
    {
        await using var a = Rig(One);
        await a.StartAsync("a");
        var view = a.Replica.View;
        var later = Later(theirs);

        _store.FailOver("run-2", later);
        await UntilAsync(() => !a.Replica.CanServe);

        Assert.StartsWith("IamGateway:Store:HashKey: ", a.Replica.NotReadyReason, StringComparison.Ordinal);
        Assert.Same(view, a.Replica.View);
        // The others' word stands, and they wait for this replica, which may have requests at work.
        Assert.Equal(later.HashKey, _store.State!.HashKey);
        Assert.Contains(_store.State!.Replicas, r => r.Id == a.Replica.Id && r.Acknowledged == 0);
        await Assert.ThrowsAsync<IamGateway.Pins.StoreUnavailableException>(() => a.BeginAsync());
        await UntilLookedAgainAsync();
        var written = _store.State;
        await UntilLookedAgainAsync();
        Assert.Same(written, _store.State);
    }

    [Fact]
    public async Task Look_StoreComesBackFromBeforeTheKey_ThisReplicasStateIsPutBack()
    {
        await using (var before = Rig(null))
            await before.StartAsync("before");
        var old = _store.State!;
        await using var a = Rig(One);
        await a.StartAsync("a");

        _store.FailOver("run-2", old);

        Assert.True(await a.Replica.WaitForAsync(
            s => s.Generation.RunIds.Contains("run-2") && s.IsAcknowledged(), ReplicaRig.Patience));
        Assert.True(a.Replica.CanServe && _store.State!.HashKey.IsOf(One));
    }

    [Fact]
    public async Task Look_StoreIsEmptied_TheKeyIsPutBackAndAnotherOneStaysOut()
    {
        await using var a = Rig(One);
        await a.StartAsync("a");
        var secret = a.Replica.View.Secret;
        await using var b = Rig(Two);
        using var stop = new CancellationTokenSource();

        _store.FailOver("run-2", null);
        var started = b.Replica.StartAsync("b", "b", stop.Token);

        await UntilReasonAsync(b, started, "or stop a first");
        Assert.True(await a.Replica.WaitForAsync(s => s.Generation.RunIds.Contains("run-2"), ReplicaRig.Patience));
        Assert.Equal(secret, a.Replica.View.Secret);
        Assert.True(_store.State!.HashKey.IsOf(One));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => started);
    }

    [Fact]
    public async Task Look_OwnHistoryIsBack_ServesAgain()
    {
        await using var a = Rig(One);
        await a.StartAsync("a");
        var own = _store.State!;
        _store.FailOver("run-2", Later(Two));
        await UntilAsync(() => !a.Replica.CanServe);

        _store.FailOver("run-1", own);
        await UntilAsync(() => a.Replica.CanServe);

        Assert.Null(a.Replica.NotReadyReason);
        Assert.True(_store.State!.HashKey.IsOf(One));
    }

    [Fact]
    public async Task Look_ForgottenAndTheKeyExchanged_Ends()
    {
        await using var a = Rig(null);
        var ended = new TaskCompletionSource();
        a.Replica.OnForgotten = ended.SetResult;
        await a.StartAsync("a");

        _store.Change(s => s.Forget(a.Replica.Id).WithHashKey(StoredHashKey.Create(One), ["run-1"], default));

        await ended.Task.WaitAsync(ReplicaRig.Patience);
        Assert.True(a.Replica.IsForgotten);
        Assert.Contains("forgotten", a.Replica.NotReadyReason, StringComparison.Ordinal);
    }

    private static RoutingState Later(string? key)
    {
        var state = RoutingState.Create([RolloutStates.Old, RolloutStates.New], RolloutStates.Old, ["run-2"],
            DateTimeOffset.UnixEpoch, key).Register("c", "c", DateTimeOffset.UnixEpoch).State;
        return state with { Revision = 50, Sequence = 50 };
    }

    private ReplicaRig Rig(string? key, bool replaces = false) => new(
        _store, _pins, ("IamGateway:Store:HashKey", key), ("IamGateway:Store:ReplaceHashKey", $"{replaces}"));

    private static async Task UntilReasonAsync(ReplicaRig rig, Task started, string reason)
    {
        await UntilAsync(() => started.IsCompleted
            || rig.Replica.NotReadyReason?.Contains(reason, StringComparison.Ordinal) == true);
        Assert.False(started.IsCompleted);
    }

    private async Task UntilLookedAgainAsync()
    {
        var looks = 0;
        _store.BeforeRead = _ => Interlocked.Increment(ref looks);
        await UntilAsync(() => Volatile.Read(ref looks) >= 2);
        _store.BeforeRead = null;
    }

    private static Task UntilAsync(Func<bool> condition) => Servers.Eventually.UntilAsync(condition);
}
