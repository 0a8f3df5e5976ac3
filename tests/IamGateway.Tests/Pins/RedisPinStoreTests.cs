using System.Globalization;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Sessions;
using IamGateway.Tests.Servers;
using StackExchange.Redis;

namespace IamGateway.Tests.Pins;

public sealed class RedisPinStoreTests(RedisServer server, ITestOutputHelper output)
    : PinStoreContract, IClassFixture<RedisServer>
{
    private RedisConnection _redis = null!;

    private protected override async ValueTask<IPinStore> CreateAsync()
    {
        _redis = await RedisStores.ConnectAsync(server, RedisStores.Patience);
        return new RedisPinStore(_redis, new GatewayMetrics(), Time);
    }

    public override async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await base.DisposeAsync();
    }

    private protected override async Task AgeAsync(TimeSpan time)
    {
        await foreach (var key in _redis.Primaries().Single().KeysAsync(pattern: _redis.KeyPrefix + ":*"))
            await _redis.Database.KeyExpireAsync(key, await _redis.Database.KeyTimeToLiveAsync(key) - time);
    }

    private RedisKey Key(SessionKey key) => RedisKeys.Of(_redis, key);

    private async Task<TimeSpan> TtlAsync(SessionKey key) =>
        await _redis.Database.KeyTimeToLiveAsync(Key(key)) ?? TimeSpan.MaxValue;

    private static ClaimTerms Ttl(int hours) =>
        Some.Rollout with { SessionTtl = TimeSpan.FromHours(hours), UnknownTtl = TimeSpan.FromHours(hours) };

    private static void AssertAbout(int hours, TimeSpan ttl) =>
        Assert.InRange(ttl, TimeSpan.FromHours(hours) - TimeSpan.FromMinutes(10), TimeSpan.FromHours(hours));

    [Fact]
    public async Task Ttl_EveryWayToMakeAnEntry_IsSessionTtl()
    {
        await Store.ClaimAsync(Ttl(1), Some.Claim(Some.Key(1)));
        await Store.ClaimAsync(Some.Prepare with { SessionTtl = TimeSpan.FromHours(2) }, Some.Claim(Some.Key(2)));
        await Store.LeaseAsync(Ttl(3), Some.Key(3), Some.Lease(1), 1, 0);
        await Store.LinkAsync(Ttl(4), Some.Key(4), Some.Key(1));
        await Store.ApplyAsync(Ttl(5), [Some.Record(Some.Key(5), 1)]);

        for (var hours = 1; hours <= 5; hours++)
            AssertAbout(hours, await TtlAsync(Some.Key(hours)));
    }

    [Fact]
    public async Task Refresh_UnderAName_ExtendsTheNameAndTheRecord()
    {
        await Store.LeaseAsync(Ttl(1), Session, null, 1, 0);
        await Store.LinkAsync(Ttl(1), Some.Key(2), Session);
        await Store.LinkAsync(Ttl(1), Some.Key(3), Some.Key(2));

        await Store.ApplyAsync(Ttl(8), [Some.Refresh(Some.Key(3))]);
        for (var i = 1; i <= 3; i++)
            AssertAbout(8, await TtlAsync(Some.Key(i)));
        await Store.ApplyAsync(Ttl(9), [Some.Refresh(Some.Key(3), 1)]);
        for (var i = 1; i <= 3; i++)
            AssertAbout(9, await TtlAsync(Some.Key(i)));
    }

    [Fact]
    public async Task EndAndRelease_AnEntryWithLeases_KeepItsTimeToLive()
    {
        await Store.LeaseAsync(Ttl(1), Session, Some.Lease(1), 1, 0);
        await Store.LeaseAsync(Ttl(1), Session, Some.Lease(2), 1, 0);

        await Store.ApplyAsync(Ttl(8), [Some.End(Session), Some.Release(Session)]);

        AssertAbout(1, await TtlAsync(Session));
    }

    [Fact]
    public async Task Find_UsedAWhileAgo_SaysHowLong()
    {
        await Store.LeaseAsync(Ttl(12), Session, null, 1, 0);
        await _redis.Database.KeyExpireAsync(Key(Session), TimeSpan.FromHours(9));

        Assert.Equal(3.0, (await Store.FindAsync(Session))!.Age.TotalHours, precision: 1);
    }

    [Fact]
    public async Task Count_MoreThanAPage_CountsAll()
    {
        const int Sessions = 2500;
        await Store.ApplyAsync(
            Some.Rollout, [.. Enumerable.Range(1, Sessions).Select(i => Some.Record(Some.Key(i), 1 + i % 2))]);

        Assert.Equal(
            new Dictionary<int, long> { [1] = Sessions / 2, [2] = Sessions / 2 },
            await Store.CountAsync(CancellationToken.None));
    }

    /// <summary>Under the default prefix, with a time to live and a generation of usual length.</summary>
    [Theory]
    [InlineData("pin", 130)]
    [InlineData("name", 130)]
    [InlineData("pin with one lease", 160)]
    public async Task Memory_OneEntry_StaysSmall(string kind, long limit)
    {
        await using var redis = await RedisStores.ConnectAsync(server, RedisStores.Patience, "iamgw");
        var store = new RedisPinStore(redis, new GatewayMetrics(), Time);
        var terms = Some.Rollout with { Generation = "0a1b2c3d" };
        var key = new SessionKey(UInt128.MaxValue - (uint)kind.Length);
        if (kind == "name")
            await store.LinkAsync(terms, key, Session);
        else
            await store.LeaseAsync(terms, key, kind == "pin" ? null : new LeaseId(654_321, 1_234_567), 1, 9999);

        var result = await redis.Database.ExecuteAsync("MEMORY", "USAGE", RedisKeys.Of(redis, key));
        var bytes = long.Parse(result.ToString(), CultureInfo.InvariantCulture);

        Assert.True((await redis.Database.KeyTimeToLiveAsync(RedisKeys.Of(redis, key))).HasValue);
        output.WriteLine($"{kind}: {bytes} bytes");
        Assert.InRange(bytes, 1, limit);
    }
}
