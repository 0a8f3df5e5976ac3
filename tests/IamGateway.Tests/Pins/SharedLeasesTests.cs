using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Pins;

/// <summary>Leases that outlive the request that took them, and when they do not.</summary>
public sealed class SharedLeasesTests : IAsyncLifetime
{
    private static readonly SessionKey Session = Some.Key(1);
    private readonly FakeTimeProvider _time = new();
    private readonly FakePinStore _store = new();
    private readonly ReplicaRig _rig = new(new MemoryRoutingStore(null), new HookedPinStore());
    private SharedLeases _leases = null!;

    public async ValueTask InitializeAsync()
    {
        await _rig.StartAsync("one");
        _leases = _rig.Leases(_time, _store);
    }

    private RoutingView View => _rig.Replica.View;

    [Fact]
    public void Keep_AFewClaims_IsNotWorthIt()
    {
        for (var i = 1; i < 20; i++)
            Assert.Null(Keep(Some.Key(i), i));
    }

    [Fact]
    public void Keep_ManyClaimsInATenthOfASecond_LetsTheNextRequestsEnter()
    {
        MakeBusy();
        Assert.NotNull(Keep(Session, 100));

        Assert.True(_leases.TryEnter(View, Session, out var lease));
        Assert.Equal(Some.Lease(100), lease.Id);
        Assert.False(_leases.TryEnter(View, Some.Key(2), out _));
    }

    [Theory]
    [InlineData(5000, 2000)]
    [InlineData(300, 150)]
    [InlineData(0, 0)]
    public void TimeFor_IsLessThanOthersWait(int maxWait, int expected) => Assert.Equal(
        TimeSpan.FromMilliseconds(expected), SharedLeases.TimeFor(TimeSpan.FromMilliseconds(maxWait)));

    [Fact]
    public void TryEnter_AfterItsTime_AsksAnew()
    {
        MakeBusy();
        Keep(Session, 100);

        _time.Advance(_leases.KeptFor - TimeSpan.FromMilliseconds(1));
        Assert.True(_leases.TryEnter(View, Session, out _));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(_leases.TryEnter(View, Session, out _));
    }

    [Fact]
    public async Task TryEnter_UsedAndTheStoreHoldsIt_IsKeptOn()
    {
        MakeBusy();
        Keep(Session, 100);
        await _leases.StartAsync(TestContext.Current.CancellationToken);

        for (var i = 0; i < 5; i++)
        {
            Assert.True(_leases.TryEnter(View, Session, out var lease));
            _leases.Leave(lease);
            await RenewedAsync(lease);
        }
    }

    [Fact]
    public async Task TryEnter_NotUsedForAWhile_IsKeptOnTwiceAndThenGivenBack()
    {
        MakeBusy();
        var lease = Keep(Session, 100)!;
        _leases.Leave(lease);
        await _leases.StartAsync(TestContext.Current.CancellationToken);

        await RenewedAsync(lease);
        await RenewedAsync(lease);
        Assert.False(lease.IsOver);
        _time.Advance(_leases.KeptFor * 3 / 4);

        await UntilAsync(() => lease.IsOver);
        Assert.False(_leases.TryEnter(View, Session, out _));
    }

    [Fact]
    public async Task TryEnter_UsedAndTheStoreDoesNotHoldIt_AsksAnew()
    {
        MakeBusy();
        var lost = Keep(Session, 100)!;
        var held = Keep(Some.Key(2), 200)!;
        _store.Holds = l => l.Id == Some.Lease(200);
        await _leases.StartAsync(TestContext.Current.CancellationToken);
        Assert.True(_leases.TryEnter(View, Session, out _) && _leases.TryEnter(View, Some.Key(2), out _));

        await RenewedAsync(held);

        Assert.False(_leases.TryEnter(View, Session, out _));
        Assert.True(_leases.TryEnter(View, Some.Key(2), out _));
        Assert.False(lost.TryEnter());
    }

    [Fact]
    public async Task TryEnter_UsedAndTheStoreIsAway_AsksAnew()
    {
        MakeBusy();
        var lease = Keep(Session, 100)!;
        _store.Holds = null;
        Assert.True(_leases.TryEnter(View, Session, out _));
        await _leases.StartAsync(TestContext.Current.CancellationToken);

        _time.Advance(_leases.KeptFor * 3 / 4);

        await UntilAsync(() => !lease.TryEnter());
        Assert.False(_leases.TryEnter(View, Session, out _));
    }

    // Its time goes on until it was asked about.
    private async Task RenewedAsync(SharedLease lease)
    {
        var before = lease.SeenAt;
        _time.Advance(_leases.KeptFor * 3 / 4);
        await UntilAsync(() => lease.SeenAt != before);
    }

    [Fact]
    public void TryEnter_StoreIsSilent_AsksAnew()
    {
        MakeBusy();
        Keep(Session, 100);

        _store.IsAnswering = false;

        Assert.False(_leases.TryEnter(View, Session, out _));
    }

    [Fact]
    public async Task TryEnter_UnderAnotherView_AsksAnew()
    {
        MakeBusy();
        Keep(Session, 100);

        await _rig.ActivateAsync();

        Assert.False(_leases.TryEnter(View, Session, out _));
    }

    [Fact]
    public async Task Keep_TheViewHasChangedMeanwhile_IsTheRequestsOwn()
    {
        MakeBusy();
        var before = View;

        await _rig.ActivateAsync();

        Assert.Null(_leases.Keep(before, Session, Some.Lease(100), 1, _time.GetTimestamp()));
    }

    [Fact]
    public void LetGo_NothingUnderIt_IsNamedToTheStoreAndLetsNobodyIn()
    {
        MakeBusy();
        _leases.Leave(Keep(Session, 100)!);

        Assert.Equal(Some.Lease(100), _leases.LetGo(Session));
        Assert.False(_leases.TryEnter(View, Session, out _));
        // Until its release is known to be in the store.
        Assert.Equal(Some.Lease(100), _leases.LetGo(Session));
    }

    [Fact]
    public void LetGo_ARequestIsUnderIt_IsNotNamed()
    {
        MakeBusy();
        var lease = Keep(Session, 100)!;

        Assert.Null(_leases.LetGo(Session));
        _leases.Leave(lease);
        Assert.Equal(Some.Lease(100), _leases.LetGo(Session));
    }

    [Fact]
    public void Keep_AnotherIsStillInUse_IsTheRequestsOwn()
    {
        MakeBusy();
        var lease = Keep(Session, 100)!;
        _leases.LetGo(Session);

        Assert.Null(Keep(Session, 101));
        _leases.Leave(lease);
        Assert.NotNull(Keep(Session, 102));
    }

    [Fact]
    public async Task Keep_TwoAtOnceWhenNoneIsKept_BothAreGivenBackInTime()
    {
        MakeBusy();
        _store.Holds = _ => false;
        await _leases.StartAsync(TestContext.Current.CancellationToken);
        _time.Advance(_leases.KeptFor);
        for (var round = 1; round <= 15; round++)
        {
            var before = _rig.Outbox.Mark();
            var ready = 0;
            void KeepOne(int number)
            {
                Interlocked.Increment(ref ready);
                while (Volatile.Read(ref ready) < 2)
                {
                }

                for (var i = 0; ; i++)
                {
                    if (Keep(Some.Key(5000 + 1000 * round + 500 * number + i), 1) is not { } lease)
                        continue;
                    _leases.Leave(lease);
                    break;
                }
            }

            var other = new Thread(() => KeepOne(1));
            other.Start();
            KeepOne(0);
            other.Join();
            _time.Advance(_leases.KeptFor);
            var patience = System.Diagnostics.Stopwatch.StartNew();
            while (_rig.Outbox.Mark() < before + 2)
            {
                Assert.True(patience.Elapsed < TimeSpan.FromSeconds(10), $"not given back in round {round}");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Release_OnceAndWhenTheLastHasLeft(bool letGoFirst)
    {
        MakeBusy();
        var lease = Keep(Session, 100)!;
        Assert.True(_leases.TryEnter(View, Session, out _));

        if (letGoFirst)
            _leases.LetGo(Session);
        _leases.Leave(lease);
        Assert.Equal(0, Releases);
        _leases.Leave(lease);
        if (!letGoFirst)
        {
            Assert.Equal(0, Releases);
            _leases.LetGo(Session);
        }

        Assert.Equal(1, Releases);
        await _rig.Outbox.FlushAsync(TestContext.Current.CancellationToken);
    }

    // The rig's own writes are of names and refreshes; none of these tests makes one.
    private long Releases => _rig.Outbox.Mark() - _before;

    private long _before;

    private void MakeBusy()
    {
        for (var i = 0; i < 20; i++)
            Keep(Some.Key(1000 + i), i);
        _before = _rig.Outbox.Mark();
    }

    private SharedLease? Keep(SessionKey key, long request) =>
        _leases.Keep(View, key, Some.Lease(request), 1, _time.GetTimestamp());

    public async ValueTask DisposeAsync()
    {
        _leases.Dispose();
        await _rig.DisposeAsync();
    }
}
