using IamGateway.Rollouts;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Rollouts;

public sealed class RedisRolloutLeaseTests(RedisServer server) : IClassFixture<RedisServer>
{
    [Fact]
    public async Task Hold_OneReplicaHasIt_NoOtherGetsItUntilItIsGivenBack()
    {
        await using var redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        var lease = new RedisRolloutLease(redis);

        Assert.True(await lease.TryHoldAsync(1));
        Assert.False(await lease.TryHoldAsync(2));
        Assert.True(await lease.TryHoldAsync(1));
        await lease.ReleaseAsync(2);
        Assert.False(await lease.TryHoldAsync(2));
        await lease.ReleaseAsync(1);
        Assert.True(await lease.TryHoldAsync(2));
    }

    [Fact]
    public async Task Hold_NotRenewed_ExpiresAndRenewedBeginsAnew()
    {
        await using var redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        var lease = new RedisRolloutLease(redis);
        await lease.TryHoldAsync(1);

        // What the server holds to, instead of waiting for it.
        Assert.True(await redis.Database.KeyExpireAsync(redis.ExecutorKey, TimeSpan.FromMilliseconds(500)));
        await lease.TryHoldAsync(1);
        var left = await redis.Database.KeyTimeToLiveAsync(redis.ExecutorKey);

        Assert.InRange(left!.Value, TimeSpan.FromMilliseconds(501), IRolloutLease.Duration);
        Assert.True(await redis.Database.KeyDeleteAsync(redis.ExecutorKey));
        Assert.True(await lease.TryHoldAsync(2));
    }
}
