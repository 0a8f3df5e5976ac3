using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Routing;

public sealed class RedisRoutingStoreTests(RedisServer server) : RoutingStoreContract, IClassFixture<RedisServer>
{
    private RedisConnection _redis = null!;

    private protected override async ValueTask<IRoutingStore> CreateAsync()
    {
        _redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        return new RedisRoutingStore(_redis);
    }

    public override async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Write_OfOneReplica_IsReadAndNoticedByAnother()
    {
        await using var redis = await RedisStores.ConnectAsync(server, RedisStores.Patience, _redis.KeyPrefix);
        var other = new RedisRoutingStore(redis);
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await other.SubscribeAsync(() => called.TrySetResult());
        var state = New();

        await Store.TryWriteAsync(null, state, [SomeStates.Event(1)]);

        await called.Task.WaitAsync(TimeSpan.FromSeconds(30));
        AssertSame(state, (await other.ReadAsync(null)).State);
        Assert.Single(await other.ReadEventsAsync(null, 10));
    }

    [Fact]
    public async Task Write_AnyState_SetsTheGenerationThatClaimsLookAt()
    {
        var state = New();

        await Store.TryWriteAsync(null, state, []);

        Assert.Equal(state.Generation.Tag, await _redis.Database.StringGetAsync(_redis.GenerationKey));
    }

    [Fact]
    public async Task Write_OfAnotherServersGeneration_IsRefused()
    {
        Assert.False(await Store.TryWriteAsync(null, SomeStates.New("another"), []));

        Assert.Null((await Store.ReadAsync(null)).State);
    }

    [Fact]
    public async Task Write_StateAndMarkerAndEvents_NeverExpire()
    {
        await Store.TryWriteAsync(null, New(), [SomeStates.Event(1)]);

        foreach (var key in new[] { _redis.StateKey, _redis.GenerationKey, _redis.EventsKey })
        {
            Assert.True(await _redis.Database.KeyExistsAsync(key));
            Assert.Null(await _redis.Database.KeyTimeToLiveAsync(key));
        }
    }
}
