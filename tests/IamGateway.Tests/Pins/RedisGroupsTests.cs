using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Sessions;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Pins;

/// <summary>A lease of a session's group is in the way of who would move the session, and is called back.</summary>
public sealed class RedisGroupsTests(RedisServer server) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private static readonly SessionKey Session = Some.Key(1);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 3, 14, 0, 0, TimeSpan.Zero));
    private RedisConnection _redis = null!;
    private RedisPinStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        _store = new RedisPinStore(_redis, new GatewayMetrics(), _time);
        await _store.LeaseAsync(Some.Rollout, Session, null, 1, 5000);
    }

    private async Task<bool> HoldAsync(LeaseId lease, bool isNew = true, ClaimTerms? terms = null) =>
        (await _store.HoldGroupsAsync(terms ?? Some.Rollout, [new HeldGroup(Session, lease, isNew)]))[0];

    private async Task<ClaimOutcome> ClaimAsync(ClaimTerms terms, bool must = false) =>
        (await _store.ClaimAsync(terms, Some.Claim(Session, must: must))).Outcome;

    private ValueTask ReleaseAsync(LeaseId lease) => _store.ApplyAsync(
        Some.Rollout, [new StoreWrite(StoreWriteKind.ReleaseGroup, Session, Lease: lease)]);

    private static LeaseId Of(long replica, int from) => new(replica, 7, from);

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    public async Task Claim_MustMoveAndIsCovered_WaitsUntilTheGroupIsGivenBack(int from)
    {
        Assert.True(await HoldAsync(Of(2, from)));

        Assert.Equal(ClaimOutcome.Wait, await ClaimAsync(Some.All, must: true));
        Assert.False(await HoldAsync(Of(2, from), isNew: false));
        await ReleaseAsync(Of(2, from));
        Assert.Equal(ClaimOutcome.Raised, await ClaimAsync(Some.All, must: true));
    }

    // The own one, too: another request of this replica may be under it.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Claim_MayMoveAndIsCovered_StaysWithoutBeingHeldBack(long replica)
    {
        Assert.True(await HoldAsync(Of(replica, 0)));

        for (var i = 0; i < 3; i++)
        {
            var reply = await _store.ClaimAsync(Some.All, Some.Claim(Session));
            Assert.Equal((ClaimOutcome.Leased, false), (reply.Outcome, reply.IsAwaited));
            await _store.ApplyAsync(Some.All, [Some.Release(Session)]);
            _time.Advance(Some.All.MaxDeferral);
        }

        Assert.Equal(ClaimOutcome.Leased, await ClaimAsync(Some.All));
        Assert.False(await HoldAsync(Of(replica, 0), isNew: false));
    }

    [Fact]
    public async Task Claim_TheLeaseIsOfSessionsBehindIt_Moves()
    {
        Assert.True(await HoldAsync(Of(2, 5001)));

        Assert.Equal(ClaimOutcome.Raised, await ClaimAsync(Some.All));
        Assert.True(await HoldAsync(Of(2, 5001), isNew: false));
    }

    [Fact]
    public async Task Claim_TheHolderIsGone_Moves()
    {
        Assert.True(await HoldAsync(Of(2, 0)));

        Assert.Equal(ClaimOutcome.Raised, await ClaimAsync(Some.All with { Replicas = [1] }));
    }

    [Fact]
    public async Task Claim_TheLeaseIsOfAnotherGeneration_Moves()
    {
        Assert.True(await HoldAsync(Of(2, 0), terms: Some.Rollout with { Generation = "b2" }));

        Assert.Equal(ClaimOutcome.Raised, await ClaimAsync(Some.All));
    }

    [Fact]
    public async Task Claim_Stays_CallsNothingBack()
    {
        Assert.True(await HoldAsync(Of(2, 0)));

        Assert.Equal(ClaimOutcome.Leased, await ClaimAsync(Some.Rollout));
        Assert.True(await HoldAsync(Of(2, 0), isNew: false));
    }

    [Fact]
    public async Task Hold_SomebodyWaits_IsNotTakenUntilThatIsLongAgo()
    {
        Assert.True(await HoldAsync(Of(2, 0)));
        await ClaimAsync(Some.All, must: true);

        Assert.False(await HoldAsync(Of(1, 0)));
        await ReleaseAsync(Of(2, 0));
        Assert.False(await HoldAsync(Of(1, 0)));
        _time.Advance(Some.All.MaxWait);
        Assert.True(await HoldAsync(Of(1, 0)));
    }

    // Clocks differ, and a replica may have been paused: what was called back is not held again.
    [Fact]
    public async Task Hold_SomebodyWaitedLongAgo_TheOneOfThatTimeIsHeldNoMoreAndNoOtherBeforeItIsGivenBack()
    {
        Assert.True(await HoldAsync(Of(2, 0)));
        await ClaimAsync(Some.All, must: true);
        _time.Advance(10 * Some.All.MaxWait);

        Assert.False(await HoldAsync(Of(1, 0)));
        Assert.False(await HoldAsync(Of(2, 0), isNew: false));
        await ReleaseAsync(Of(2, 0));
        Assert.True(await HoldAsync(Of(1, 0)));
    }

    [Fact]
    public async Task Hold_OneEntryIsSpoilt_TheOthersAreHeld()
    {
        var other = SessionKey.OfGroup(5);
        await _redis.Database.ListLeftPushAsync($"{_redis.KeyPrefix}:g\u0001\u0001", "spoilt");

        var areHeld = await _store.HoldGroupsAsync(
            Some.Rollout, [new HeldGroup(other, Of(2, 0), true), new HeldGroup(Session, Of(2, 0), true)]);

        Assert.Equal([false, true], areHeld);
    }

    [Fact]
    public async Task Hold_OnlyLookedAt_TakesNothing()
    {
        Assert.False(await HoldAsync(Of(2, 0), isNew: false));

        Assert.Equal(ClaimOutcome.Raised, await ClaimAsync(Some.All));
    }

    [Fact]
    public async Task Hold_OfTwoReplicas_BothHoldAndBothAreInTheWay()
    {
        Assert.True(await HoldAsync(Of(1, 0)));
        Assert.True(await HoldAsync(Of(2, 0)));

        await ReleaseAsync(Of(1, 0));
        Assert.True(await HoldAsync(Of(2, 0), isNew: false));
        Assert.Equal(ClaimOutcome.Leased, await ClaimAsync(Some.All));
        await ReleaseAsync(Of(2, 0));
        await _store.ApplyAsync(Some.All, [Some.Release(Session)]);
        Assert.Equal(ClaimOutcome.Raised, await ClaimAsync(Some.All));
    }

    [Fact]
    public async Task Hold_AnotherServerAnswers_IsNotHeld()
    {
        Assert.True(await HoldAsync(Of(2, 0)));
        var elsewhere = Some.Rollout with { RunIds = new string('0', 40) };

        Assert.False(await HoldAsync(Of(2, 0), isNew: false, elsewhere));
        Assert.False(await HoldAsync(Of(1, 0), isNew: true, elsewhere));
    }

    // A request of another replica may be under the group's lease: without the record the next one would go up.
    [Fact]
    public async Task End_IsCovered_TheRecordStaysUntilItIsNot()
    {
        Assert.True(await HoldAsync(Of(2, 0)));
        await ClaimAsync(Some.Rollout);

        await _store.ApplyAsync(Some.Rollout, [Some.End(Session)]);
        await _store.ApplyAsync(Some.Rollout, [Some.Release(Session)]);
        Assert.NotNull(await _store.FindAsync(Session));
        // Else the old version would seem to be in use for as long as the record is kept.
        Assert.Empty(await _store.CountAsync(TestContext.Current.CancellationToken));

        await ReleaseAsync(Of(2, 0));
        await _store.ApplyAsync(Some.Rollout, [Some.End(Session)]);
        Assert.Null(await _store.FindAsync(Session));
    }

    [Fact]
    public async Task Lease_RaisesThePin_CallsTheGroupBack()
    {
        Assert.True(await HoldAsync(Of(2, 0)));

        await _store.LeaseAsync(Some.Rollout, Session, null, 1, 0);
        Assert.True(await HoldAsync(Of(2, 0), isNew: false));
        await _store.LeaseAsync(Some.Rollout, Session, null, 2, 0);
        Assert.False(await HoldAsync(Of(2, 0), isNew: false));
    }

    [Fact]
    public async Task Find_CountsTheLeasesThatCoverIt()
    {
        await HoldAsync(Of(2, 0));
        await HoldAsync(Of(1, 5000));
        await HoldAsync(Of(10, 5001));

        Assert.Equal(2, (await _store.FindAsync(Session))!.Leases);
    }

    // What is left of groups is no session.
    [Fact]
    public async Task Count_GroupsAreLeased_CountsSessions()
    {
        await HoldAsync(Of(2, 0));

        Assert.Equal(
            new Dictionary<int, long> { [1] = 1 },
            await _store.CountAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Release_TheLastOne_LeavesNothing()
    {
        var before = await KeysAsync();
        await HoldAsync(Of(2, 0));
        Assert.Equal(before + 1, await KeysAsync());

        await ReleaseAsync(Of(2, 0));

        Assert.Equal(before, await KeysAsync());
    }

    private async Task<int> KeysAsync() => await _redis.Primaries().Single().KeysAsync(
        pattern: _redis.KeyPrefix + ":*").CountAsync(TestContext.Current.CancellationToken);

    [Fact]
    public void Group_OfAName_IsThatOfItsGroup()
    {
        for (var group = 0; group < SessionKey.Groups; group++)
            Assert.Equal(group, SessionKey.OfGroup(group).Group);
        var few = Enumerable.Range(0, 100_000)
            .Select(i => SessionKey.Of("a secret of the test, only here"u8, "rule", $"session {i}").Group)
            .GroupBy(g => g).Select(g => g.Count()).ToArray();
        Assert.Equal(SessionKey.Groups, few.Length);
        Assert.InRange(few.Max(), 98, 200);
    }

    public ValueTask DisposeAsync() => _redis.DisposeAsync();
}
