using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Pins;

/// <summary>Leases of groups: when they are held, who may come under them, and how they end.</summary>
public sealed class GroupLeasesTests : IAsyncLifetime
{
    private static readonly SessionKey Session = Some.Key(1);
    private readonly FakeTimeProvider _time = new();
    private readonly FakePinStore _store = new() { HasGroups = true };
    private readonly HookedPinStore _pins = new();
    private readonly ReplicaRig _rig;
    private SharedLeases _leases = null!;

    public GroupLeasesTests() => _rig = new ReplicaRig(new MemoryRoutingStore(null), _pins);

    public async ValueTask InitializeAsync()
    {
        await _rig.StartAsync("one");
        await _rig.ActivateAsync();
        _leases = _rig.Leases(_time, _store);
    }

    private RoutingView View => _rig.Replica.View;

    [Fact]
    public async Task Want_Seldom_TakesNone()
    {
        var other = SessionKey.OfGroup(3);
        _leases.Want(other);

        // Who is wanted is looked for in all groups at once.
        await HoldAsync();

        Assert.Equal(0, _leases.Standing(View, other));
    }

    [Fact]
    public async Task Want_Often_HoldsTheSessionsThatStay()
    {
        var asked = new List<HeldGroup>();
        _store.HoldsGroup = g =>
        {
            asked.Add(g);
            return true;
        };

        var number = await HoldAsync();

        Assert.True(_leases.TryEnterGroup(View, Session, number, out var lease));
        Assert.Equal((1, Session.Group), (lease.Ordinal, lease.Root.Group));
        // Half of the sessions move.
        Assert.Equal((true, 5000), (asked[0].IsNew, asked[0].Lease.Attempt));
        Assert.False(_leases.TryEnterGroup(View, Session, number + 1, out _));
        Assert.False(_leases.TryEnterGroup(View, SessionKey.OfGroup(3), number, out _));
    }

    // Many sessions come seldom each: that the store is asked under it counts as well.
    [Fact]
    public async Task Standing_Asked_KeepsItOn()
    {
        var number = await HoldAsync();
        var looks = 0;
        _store.HoldsGroup = _ => Interlocked.Increment(ref looks) > 0;

        for (var i = 1; i <= 30; i++)
        {
            Assert.Equal(number, _leases.Standing(View, Session));
            _time.Advance(_leases.KeptFor * 3 / 4);
            await UntilAsync(async () =>
            {
                await TickAsync();
                return Volatile.Read(ref looks) >= i;
            });
        }

        Assert.Equal(number, _leases.Standing(View, Session));
    }

    [Fact]
    public async Task TheGatewayStops_ARequestGoesOn_GetsALeaseOfItsOwn()
    {
        var request = Enter(await HoldAsync());

        await _leases.StopAsync(TestContext.Current.CancellationToken);

        await UntilAsync(() => Releases == 1);
        Assert.Equal(1, await _pins.LeasesAsync(Session));
        Assert.Null(request.Shared);
    }

    [Fact]
    public async Task TryEnter_TheGatewayStops_IsGivenBack()
    {
        var number = await HoldAsync();
        await _leases.StopAsync(TestContext.Current.CancellationToken);

        Assert.False(_leases.TryEnterGroup(View, Session, number, out _));
        await UntilAsync(() => Releases == 1);
    }

    [Fact]
    public async Task TryEnter_SomebodyWaits_AsksAnewAndIsHeldUnderAnotherNumberLater()
    {
        var number = await HoldAsync();
        Assert.True(_leases.TryEnterGroup(View, Session, number, out var lease));
        _leases.Leave(lease);
        _store.HoldsGroup = _ => false;

        _time.Advance(_leases.KeptFor * 3 / 4);
        await UntilAsync(() => !EntersAndLeaves(number));
        await UntilAsync(() => Releases == 1);

        _store.HoldsGroup = _ => true;
        Assert.NotEqual(number, await HoldAsync());
    }

    [Fact]
    public async Task TryEnter_TheStoreIsAway_AsksAnew()
    {
        var number = await HoldAsync();
        Assert.True(_leases.TryEnterGroup(View, Session, number, out var lease));
        _leases.Leave(lease);
        _store.HoldsGroup = null;

        _time.Advance(_leases.KeptFor * 3 / 4);

        await UntilAsync(() => !EntersAndLeaves(number));
    }

    [Fact]
    public async Task Want_TheStoreDoesNotAnswer_IsGivenBackAsItMayHaveBeenTaken()
    {
        _store.HoldsGroup = null;
        await _leases.StartAsync(TestContext.Current.CancellationToken);
        MakeBusy();

        await TickAsync();

        await UntilAsync(() => Releases == 1);
        Assert.Equal(0, _leases.Standing(View, Session));
    }

    [Fact]
    public async Task TryEnter_UnderAnotherView_AsksAnew()
    {
        var number = await HoldAsync();

        await WeighAsync();

        Assert.False(_leases.TryEnterGroup(View, Session, number, out _));
        await UntilAsync(() => Releases == 1);
    }

    // A stream of another session would keep the whole group where it is.
    [Fact]
    public async Task TheViewChanges_ARequestGoesOn_GetsALeaseOfItsOwnAndTheGroupIsGivenBack()
    {
        var number = await HoldAsync();
        var request = Enter(number);

        await WeighAsync();
        await UntilAsync(async () =>
        {
            await TickAsync();
            return Releases == 1;
        });

        Assert.Equal(1, await _pins.LeasesAsync(Session));
        Assert.True(request.HasLease(Session));
        Assert.Null(request.Shared);
        Assert.Equal(View.Terms.Generation, request.LeasedIn);
    }

    [Fact]
    public async Task TheViewChanges_TheStoreFails_TheGroupIsHeldUntilTheRequestHasALease()
    {
        var number = await HoldAsync();
        Enter(number);
        var calls = 0;
        _pins.BeforeLease = _ => ++calls < 3
            ? throw new StoreUnavailableException("The test says so.")
            : Task.CompletedTask;

        await WeighAsync();
        await UntilAsync(async () =>
        {
            await TickAsync();
            Assert.True(calls >= 3 || Releases == 0);
            return Releases == 1;
        });

        Assert.Equal(1, await _pins.LeasesAsync(Session));
    }

    [Fact]
    public async Task TheViewChanges_TheRequestEndsMeanwhile_LeavesNoLease()
    {
        var number = await HoldAsync();
        var request = Enter(number);
        _pins.AfterLease = _ =>
        {
            End(request);
            return Task.CompletedTask;
        };

        await WeighAsync();
        await UntilAsync(async () =>
        {
            await TickAsync();
            return request.Ended && _rig.Outbox.Count == 0;
        });

        await _rig.Outbox.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, await _pins.LeasesAsync(Session));
        Assert.Null(request.Shared);
    }

    [Fact]
    public async Task NotUsed_IsGivenBackInTheEnd()
    {
        var number = await HoldAsync();
        await UntilAsync(async () =>
        {
            _time.Advance(_leases.KeptFor * 3 / 4);
            await TickAsync();
            return Releases == 1;
        });
        Assert.False(_leases.TryEnterGroup(View, Session, number, out _));
    }

    private async Task<int> HoldAsync()
    {
        await _leases.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(async () =>
        {
            MakeBusy();
            await TickAsync();
            return _leases.Standing(View, Session) != 0;
        });
        return _leases.Standing(View, Session);
    }

    private GatewayRequest Enter(int number)
    {
        var request = _rig.Send(Session);
        Assert.True(_leases.TryEnterGroup(View, Session, number, out var lease));
        lock (request)
        {
            request.Share(lease);
            request.Root = Session;
        }

        return request;
    }

    private bool EntersAndLeaves(int number)
    {
        if (!_leases.TryEnterGroup(View, Session, number, out var lease))
            return false;
        _leases.Leave(lease);
        return true;
    }

    private void End(GatewayRequest request)
    {
        lock (request)
        {
            request.Ended = true;
            foreach (var root in request.Leased ?? [])
                _rig.Outbox.Add(Some.Release(root, request.LeaseOf(_rig.Replica.Id)));
            request.Leased?.Clear();
            if (request.TakeShared() is { } lease)
                _leases.Leave(lease);
        }
    }

    private async Task WeighAsync()
    {
        var weights = new Dictionary<VersionId, int> { [RolloutStates.Old] = 40, [RolloutStates.New] = 60 };
        var change = await _rig.Replica.ChangeAsync(s => s.SetWeights(weights), "test", "weights.set", null);
        Assert.Null(change.Refusal);
    }

    private async Task TickAsync()
    {
        _time.Advance(TimeSpan.FromMilliseconds(100));
        await Task.Delay(5, TestContext.Current.CancellationToken); // time for the loop to look
    }

    private void MakeBusy()
    {
        for (var i = 0; i < 20; i++)
            _leases.Want(Session);
    }

    private int Releases => _pins.Written.Count(k => k == StoreWriteKind.ReleaseGroup);

    public async ValueTask DisposeAsync()
    {
        _leases.Dispose();
        await _rig.DisposeAsync();
    }
}
