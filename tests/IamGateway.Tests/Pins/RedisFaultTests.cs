using System.Diagnostics;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Pins;

/// <summary>A store that is emptied, restarted, paused or away. Each test has a redis-server of its own.</summary>
public sealed class RedisFaultTests : IAsyncLifetime
{
    private const string Secret = "pa55-of-the-store";
    private readonly RedisServer _server = new();
    private RedisConnection _redis = null!;
    private RedisPinStore _store = null!;
    private ClaimTerms _terms = null!;

    public async ValueTask InitializeAsync()
    {
        await _server.InitializeAsync();
        _redis = await RedisStores.ConnectAsync(_server, RedisStores.Timeout, "secret-prefix");
        _store = new RedisPinStore(_redis, new GatewayMetrics(), TimeProvider.System);
        await RedisStores.UntilAnsweredAsync(_redis);
        _terms = await GenerateAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>Puts a routing state into the store and takes the terms of its generation.</summary>
    private async Task<ClaimTerms> GenerateAsync()
    {
        var routing = new RedisRoutingStore(_redis);
        var stored = await routing.ReadAsync(null);
        var state = SomeStates.New(stored.RunIds);
        Assert.True(await routing.TryWriteAsync(stored.State, state, []));
        return Some.Rollout with
        {
            Generation = state.Generation.Tag,
            RunIds = string.Join(' ', state.Generation.RunIds),
        };
    }

    private static SessionKey Session { get; } = Some.Key(1);

    private async Task<ClaimOutcome> ClaimAsync() => (await _store.ClaimAsync(_terms, Some.Claim(Session))).Outcome;

    private async Task AssertStaleAsync()
    {
        Assert.Equal(ClaimOutcome.StaleGeneration, await ClaimAsync());
        Assert.Equal(
            ClaimOutcome.StaleGeneration, (await _store.LeaseAsync(_terms, Session, Some.Lease(1), 1, 0)).Outcome);
        Assert.False(await _store.LinkAsync(_terms, Some.Key(2), Session));
        Assert.Null(await _store.FindAsync(Session));
        Assert.Null(await _store.FindAsync(Some.Key(2)));
    }

    [Fact]
    public async Task Claim_ServerOfTheGeneration_IsAnswered()
    {
        await _store.LeaseAsync(_terms, Session, null, 1, 0);

        Assert.Equal(ClaimOutcome.Leased, await ClaimAsync());
    }

    [Fact]
    public async Task Claim_FirstCallAfterFlushAll_NoticesIt()
    {
        await _store.LeaseAsync(_terms, Session, null, 1, 0);
        await _server.CommandAsync("FLUSHALL");

        await AssertStaleAsync();
    }

    [Fact]
    public async Task Claim_FirstCallAfterARestart_NoticesItAlthoughTheRoutingStateIsBack()
    {
        await _store.LeaseAsync(_terms, Session, null, 1, 0);
        await _server.KillAsync();
        await _server.StartAsync();
        await RedisStores.UntilAnsweredAsync(_redis);
        await _redis.Database.StringSetAsync(_redis.GenerationKey, _terms.Generation);

        await AssertStaleAsync();
    }

    [Fact]
    public async Task Claim_RoutingStateOfAnotherGenerationOnTheSameServer_NoticesIt()
    {
        await _redis.Database.StringSetAsync(_redis.GenerationKey, "ffffffff");

        await AssertStaleAsync();
    }

    [Fact]
    public async Task Claim_RecordFromBeforeTheGeneration_IsUnknownInTheNewOne()
    {
        await _store.LeaseAsync(_terms, Session, Some.Lease(8), 1, 77);
        _terms = await GenerateAsync();

        Assert.Equal(new ClaimReply(ClaimOutcome.Unknown, 2, 77), await _store.ClaimAsync(_terms, Some.Claim(Session)));
    }

    // Dropped, the name would be lost for good: one half of its session goes up while the other one stays.
    [Theory]
    [InlineData(StoreWriteKind.Link)]
    [InlineData(StoreWriteKind.Record)]
    internal async Task Apply_QueuedWriteMeetsAnotherGeneration_IsNotDropped(StoreWriteKind kind)
    {
        var write = new StoreWrite(kind, Some.Key(2), Session, Ordinal: 1);
        await _server.CommandAsync("FLUSHALL");

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await _store.ApplyAsync(_terms, [write]));

        await _store.ApplyAsync(await GenerateAsync(), [write]);
        Assert.True(await _redis.Database.KeyExistsAsync(RedisKeys.Of(_redis, Some.Key(2))));
    }

    [Fact]
    public async Task Pause_CallsFailInTime_AndNothingIsLost()
    {
        await _store.LeaseAsync(_terms, Session, Some.Lease(8), 1, 33);
        await _server.SignalAsync("STOP");
        await Assert.ThrowsAsync<StoreUnavailableException>(ClaimAsync);
        await _server.SignalAsync("CONT");
        await RedisStores.UntilAnsweredAsync(_redis);

        Assert.Equal(ClaimOutcome.Leased, await ClaimAsync());
        // The claim without an answer may have been carried out; it had the lease of the later one.
        Assert.Equal((1, 33, 2), await _store.FindAsync(Session) is { } r ? (r.Pin, r.Bucket, r.Leases) : default);
    }

    private ValueTask<ClaimReply>[] ClaimAtOnce(RedisPinStore store, int count) =>
        [.. Enumerable.Range(0, count).Select(i => store.ClaimAsync(_terms, Some.Claim(Some.Key(i))))];

    [Fact]
    public async Task Claims_AtOnceAndOneEntryIsSpoilt_OnlyItsClaimFails()
    {
        await _redis.Database.ListRightPushAsync(RedisKeys.Of(_redis, Some.Key(3)), "no string");

        var claims = ClaimAtOnce(_store, 10);

        for (var i = 0; i < claims.Length; i++)
        {
            var claim = claims[i].AsTask();
            if (i == 3)
                await Assert.ThrowsAsync<StoreUnavailableException>(() => claim);
            else
                Assert.InRange((await claim).Outcome, ClaimOutcome.Final, ClaimOutcome.Unknown);
        }

        Assert.False(_redis.IsOpen);
        await _store.ClaimAsync(_terms, Some.Claim(Some.Key(99)));
    }

    // One late answer is no store that is away.
    [Fact]
    public async Task Claims_AtOnceAndNoAnswer_AllFailAndCountAsOneCall()
    {
        await _server.SignalAsync("STOP");

        foreach (var claim in ClaimAtOnce(_store, 10))
            await Assert.ThrowsAsync<StoreUnavailableException>(async () => await claim);

        Assert.False(_redis.IsOpen);
    }

    [Fact]
    public async Task Claims_AtOnceUnderTwoStates_EachIsAnsweredUnderItsOwn()
    {
        var revoking = _terms with { Newest = 1, Final = 0, RaiseTo = 0, UnknownEnds = true };

        ValueTask<ClaimReply>[] claims =
        [
            .. Enumerable.Range(0, 20).Select(
                i => _store.ClaimAsync(i % 3 == 0 ? revoking : _terms, Some.Claim(Some.Key(i)))),
        ];

        for (var i = 0; i < claims.Length; i++)
            Assert.Equal(i % 3 == 0 ? ClaimOutcome.Ended : ClaimOutcome.Unknown, (await claims[i]).Outcome);
    }

    [Fact]
    public async Task Claims_MoreThanGoTogether_AreAllAnswered()
    {
        await using var redis = await RedisStores.ConnectAsync(_server, RedisStores.Patience, "secret-prefix");
        var store = new RedisPinStore(redis, new GatewayMetrics(), TimeProvider.System);

        foreach (var claim in ClaimAtOnce(store, 1500))
            Assert.Equal(ClaimOutcome.Unknown, (await claim).Outcome);
    }

    // With a clock that is ahead each has waited for too long when the one before it is answered.
    [Fact]
    public async Task Claims_StoreSlowerThanTheyCome_DoNotWaitForLongerAndLonger()
    {
        var time = new FakeTimeProvider();
        await using var redis = await RedisConnection.ConnectAsync(
            _server.ConnectionString, "secret-prefix", RedisStores.Timeout, new GatewayMetrics(), time);
        var store = new RedisPinStore(redis, new GatewayMetrics(), time);
        await _server.SignalAsync("STOP");
        var first = store.ClaimAsync(_terms, Some.Claim(Some.Key(1)));
        var second = store.ClaimAsync(_terms, Some.Claim(Some.Key(2)));

        time.Advance(RedisStores.Timeout);
        await _server.SignalAsync("CONT");

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await first);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await second);
        Assert.False(redis.IsOpen);
        Assert.Equal(
            ClaimOutcome.Unknown, (await store.ClaimAsync(_terms, Some.Claim(Some.Key(2)))).Outcome);
    }

    [Fact]
    public async Task Claims_AtOnce_TakeOneCallForTheFirstAndOneForTheOthers()
    {
        await using var redis = await RedisStores.ConnectAsync(_server, RedisStores.Patience, "secret-prefix");
        var store = new RedisPinStore(redis, new GatewayMetrics(), TimeProvider.System);
        await store.ClaimAsync(_terms, Some.Claim(Session));
        var before = await CallsAsync();

        // No answer comes while they are asked.
        await _server.SignalAsync("STOP");
        var claims = ClaimAtOnce(store, 50);
        await _server.SignalAsync("CONT");

        foreach (var claim in claims)
            Assert.InRange((await claim).Outcome, ClaimOutcome.Final, ClaimOutcome.Unknown);
        Assert.Equal(2, await CallsAsync() - before);
    }

    [Fact]
    public async Task Apply_ManyOfAKind_TakesOneCallForThem()
    {
        StoreWrite[] writes =
        [
            .. Enumerable.Range(1, 40).Select(i => Some.Record(Some.Key(i), 1)),
            .. Enumerable.Range(1, 40).Select(Some.Key)
                .SelectMany(k => (StoreWrite[])[Some.Refresh(k), Some.Release(k)]),
        ];
        // The first time scripts are loaded.
        await _store.ApplyAsync(_terms, writes);
        var before = await CallsAsync();

        await _store.ApplyAsync(_terms, writes);

        Assert.Equal(3, await CallsAsync() - before);
        Assert.Equal(1, (await _store.FindAsync(Some.Key(40)))?.Pin);
    }

    [Fact]
    public async Task Apply_OneEntryIsSpoilt_TheOthersAreWrittenAndItIsSaid()
    {
        await _redis.Database.ListRightPushAsync(RedisKeys.Of(_redis, Some.Key(3)), "no string");

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await _store.ApplyAsync(
            _terms, [.. Enumerable.Range(1, 5).Select(i => Some.Record(Some.Key(i), 1))]));

        foreach (var i in (int[])[1, 2, 4, 5])
            Assert.Equal(1, (await _store.FindAsync(Some.Key(i)))?.Pin);
    }

    private async Task<int> CallsAsync()
    {
        var stats = (await _redis.Primaries().Single().InfoAsync("commandstats")).SelectMany(g => g);
        var calls = stats.FirstOrDefault(s => s.Key == "cmdstat_evalsha").Value ?? "calls=0,";
        return int.Parse(calls["calls=".Length..calls.IndexOf(',')], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Away_AfterThreeFailures_EveryCallFailsAtOnceAndTheFirstAnswerEndsIt(bool isPaused)
    {
        if (isPaused)
            await _server.SignalAsync("STOP");
        else
            await _server.KillAsync();
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<StoreUnavailableException>(ClaimAsync);
        Assert.True(_redis.IsOpen);

        // Together well below one time-out, so that a busy machine does not matter.
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < 100; i++)
            await Assert.ThrowsAsync<StoreUnavailableException>(ClaimAsync);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(5));

        if (isPaused)
            await _server.SignalAsync("CONT");
        else
            await _server.StartAsync();
        await RedisStores.UntilAnsweredAsync(_redis);

        Assert.False(_redis.IsOpen);
        // After the pause the calls that had no answer may have been carried out.
        ClaimOutcome[] expected =
            isPaused ? [ClaimOutcome.Unknown, ClaimOutcome.Final] : [ClaimOutcome.StaleGeneration];
        Assert.Contains(await ClaimAsync(), expected);
    }

    [Fact]
    public async Task Away_OneCall_FailsWithinAQuarterOfASecond()
    {
        await _server.SignalAsync("STOP");
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i < 3; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await Assert.ThrowsAsync<StoreUnavailableException>(ClaimAsync);
            fastest = new[] { fastest, Stopwatch.GetElapsedTime(started) }.Min();
        }

        Assert.InRange(fastest, TimeSpan.Zero, TimeSpan.FromMilliseconds(250));
        await _server.SignalAsync("CONT");
    }

    [Fact]
    public async Task Connect_NobodyThere_SaysWhereAndNotThePassword()
    {
        await _server.KillAsync();

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => ConnectAsync($"{_server.ConnectionString},password={Secret}"));

        Assert.Contains(_server.ConnectionString, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_WrongPassword_IsRefusedWithoutShowingIt()
    {
        await _server.CommandAsync("CONFIG SET requirepass another");

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => ConnectAsync($"{_server.ConnectionString},password={Secret}"));

        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
    }

    private static Task<RedisConnection> ConnectAsync(string connectionString) =>
        RedisConnection.ConnectAsync(
            connectionString, "p", RedisStores.Timeout, new GatewayMetrics(), TimeProvider.System);

    [Fact]
    public async Task Errors_OfEveryKind_ShowNeitherKeysNorArguments()
    {
        var lease = new LeaseId(424_242, 515_151);
        var key = RedisKeys.Of(_redis, Session);
        var errors = new List<StoreUnavailableException>();

        // No string at all, no entry, and a server that takes no writes.
        await _redis.Database.ListLeftPushAsync(key, "content-of-the-key");
        await CollectAsync();
        await _redis.Database.StringSetAsync(key, "Rcontent-of-the-key");
        await CollectAsync();
        await _redis.Database.KeyDeleteAsync(key);
        await _server.CommandAsync("CONFIG SET min-replicas-to-write 1");
        await RedisStores.UntilAnsweredAsync(_redis);
        await CollectAsync();
        Assert.Contains("NOREPLICAS", errors[^1].Message, StringComparison.Ordinal);
        await RedisStores.UntilAnsweredAsync(_redis);
        await _server.KillAsync();
        await CollectAsync();

        Assert.Equal(4, errors.Count);
        foreach (var text in errors.Select(e => e.ToString()))
        {
            string[] secrets = ["424242", "515151", "content-of-the-key", "secret-prefix", _terms.Generation];
            foreach (var secret in secrets)
                Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
        }

        async Task CollectAsync() =>
            errors.Add(await Assert.ThrowsAsync<StoreUnavailableException>(
                async () => await _store.ClaimAsync(_terms, Some.Claim(Session, lease))));
    }
}
