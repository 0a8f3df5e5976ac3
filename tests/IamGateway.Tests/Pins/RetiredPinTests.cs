using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Pins;

/// <summary>What both stores must do with entries that are older than the state they are read under.</summary>
public sealed class RetiredPinTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private static readonly LeaseId Lease = new(1, 1);
    private readonly GatewayMetrics _metrics = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Claim_PinIsOfARetiredVersion_SessionIsAtTheLowestActiveOne(bool inRedis)
    {
        var store = await StoreAsync(inRedis);
        var (active, next) = (Terms(RolloutStates.Active()), Terms(NextPreparing()));
        var session = new SessionKey(1);
        await store.LeaseAsync(active, session, Lease, 1, 0);

        var reply = await store.ClaimAsync(
            next with { Generation = active.Generation },
            new ClaimRequest(session, new LeaseId(1, 2), 0, false, true, false));

        Assert.Equal(new ClaimReply(ClaimOutcome.Leased, 2), reply);
        Assert.Equal(1, (await store.FindAsync(session))?.Leases);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Link_ChainOfManyRotations_EachNamePointsToTheRecord(bool inRedis)
    {
        var store = await StoreAsync(inRedis);
        var terms = Terms(RolloutStates.Active());
        for (UInt128 i = 1; i <= 2 * SessionRouter.MaxAliasHops; i++)
        {
            var rotation = new StoreWrite(StoreWriteKind.Link, new SessionKey(100 + i), Target: new SessionKey(99 + i));
            await store.ApplyAsync(terms, [rotation]);
        }

        var last = new SessionKey(100 + (UInt128)(2 * SessionRouter.MaxAliasHops));
        var reply = await store.ClaimAsync(terms, new ClaimRequest(last, Lease, 0, false, true, false));

        Assert.Equal(new ClaimReply(ClaimOutcome.Alias, Target: new SessionKey(100)), reply);
    }

    [Theory]
    [InlineData(StoreWriteKind.Record)]
    [InlineData(StoreWriteKind.Link)]
    [InlineData(StoreWriteKind.Refresh)]
    public async Task Apply_ServerOfAnotherGeneration_TheWriteIsNotTakenForDone(object kind)
    {
        var store = await StoreAsync(inRedis: true);
        var steady = Terms(RolloutStates.Steady());
        var key = new SessionKey(300 + (UInt128)(int)(StoreWriteKind)kind);
        if ((StoreWriteKind)kind == StoreWriteKind.Refresh)
            await store.LeaseAsync(steady, key, null, 1, 0);
        StoreWrite[] writes = [new((StoreWriteKind)kind, key, Target: new SessionKey(200), Ordinal: 1)];

        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => store.ApplyAsync(steady with { RunIds = "0000" }, writes).AsTask());
        await store.ApplyAsync(steady, writes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refresh_AnotherVersionIsInPlay_TheStampIsTooLate(bool inRedis)
    {
        var store = await StoreAsync(inRedis);
        var (steady, active) = (Terms(RolloutStates.Steady()), Terms(RolloutStates.Active()));
        var session = new SessionKey(2);
        await store.LeaseAsync(steady with { Generation = "0a" }, session, null, 1, 0);

        await store.ApplyAsync(
            active with { Generation = "0b" }, [new StoreWrite(StoreWriteKind.Refresh, session, Ordinal: 1)]);
        var reply = await store.ClaimAsync(
            active with { Generation = "0b", Cut = 0 }, new ClaimRequest(session, Lease, 0, false, true, false));

        Assert.Equal(ClaimOutcome.Unknown, reply.Outcome);
    }

    [Fact]
    public async Task TryWrite_ServerOrHistoryIsAnother_NothingIsWritten()
    {
        await using var connection = await ConnectAsync("write");
        var store = new RedisRoutingStore(connection);
        var runIds = (await store.ReadAsync(null)).RunIds;
        var state = RolloutStates.Steady().Regenerate(runIds) with { Sequence = 5 };
        var other = RolloutStates.Steady().Regenerate(runIds) with { Sequence = 5 };

        Assert.False(await store.TryWriteAsync(null, state.Regenerate(["0000"]), []));
        Assert.True(await store.TryWriteAsync(null, state, []));
        Assert.False(await store.TryWriteAsync(other, other with { Sequence = 6 }, []));
        Assert.False(await store.TryWriteAsync(state, state.Regenerate(["0000"]) with { Sequence = 6 }, []));
        Assert.True(await store.TryWriteAsync(state, state with { Sequence = 6 }, []));
        Assert.Equal(6, (await store.ReadAsync(other)).State?.Sequence);
    }

    // 8.2.1 is retired, 8.4.0 is prepared.
    private static RoutingState NextPreparing()
    {
        var third = VersionId.Parse("8.4.0");
        var retired = RolloutStates.Active().Close(RolloutStates.Old).State!.Acknowledged();
        var weights = new Dictionary<VersionId, int> { [RolloutStates.New] = 50, [third] = 50 };
        return retired.Know([third], default).Acknowledged().SetWeights(weights).State!.Acknowledged();
    }

    private static ClaimTerms Terms(RoutingState state) =>
        new RoutingView(state, null, new GatewayOptions()).Terms
            with
        { Generation = "0c", RunIds = ClaimTerms.AnyServer };

    private async Task<IPinStore> StoreAsync(bool inRedis) => inRedis
        ? new RedisPinStore(await ConnectAsync("pins"), _metrics, TimeProvider.System)
        : new MemoryPinStore(TimeProvider.System, 1000, _metrics);

    private Task<RedisConnection> ConnectAsync(string prefix) => RedisConnection.ConnectAsync(
        redis.ConnectionString, prefix + Guid.NewGuid().ToString("n"),
        TimeSpan.FromSeconds(5), _metrics, TimeProvider.System);
}
