using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Tests.Chaos;
using IamGateway.Tests.Rollouts;
using IamGateway.Tests.Servers;
using StackExchange.Redis;

namespace IamGateway.Tests.Pins;

/// <summary>Another user and another password of Redis, while users are logged in.</summary>
public sealed class RedisLoginTests : IAsyncLifetime
{
    private const string Key = "ConnectionStrings:Redis";
    private readonly ConfigFile _config = new();
    private readonly RedisServer _redis = new();

    public ValueTask InitializeAsync() => _redis.InitializeAsync();

    public ValueTask DisposeAsync()
    {
        _config.Dispose();
        return _redis.DisposeAsync();
    }

    private string As(string user) => $"{_redis.ConnectionString},user={user},password=password-of-{user}";

    private Task AddUserAsync(string user) =>
        _redis.CommandAsync($"ACL SETUSER {user} on >password-of-{user} ~* &* +@all");

    [Fact]
    public async Task Edit_UserThatRedisLearnsOfLater_TakesOverAndNoRequestFails()
    {
        await AddUserAsync("first");
        _config.Write((Key, As("first")));
        await using var operatorOfRedis = await ConnectionMultiplexer.ConnectAsync(
            $"{_redis.ConnectionString},allowAdmin=true");
        await using var site = await RolloutSite.StartAsync(s => s["config"] = _config.Path);
        await site.LogInAsync(6);
        await site.Gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        using var stop = new CancellationTokenSource();
        var users = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await site.UseAsync(1);
        });

        await _config.EditAsync(site.Gateway, (Key, As("second")));
        Assert.Contains("user=first", await ClientsAsync(operatorOfRedis), StringComparison.Ordinal);
        await AddUserAsync("second");
        await Eventually.UntilAsync(async () =>
            await ClientsAsync(operatorOfRedis) is var clients && clients.Contains("user=second")
            && !clients.Contains("user=first"));
        await operatorOfRedis.GetDatabase().ExecuteAsync("ACL", "DELUSER", "first");
        await site.UseAsync(5);
        await stop.CancelAsync();
        await users;

        Assert.Empty(site.Failures);
        var metrics = await site.Gateway.Admin.GetStringAsync("/metrics");
        Assert.Contains("# TYPE iamgateway_store_errors_total counter", metrics, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"(?m)^iamgateway_store_errors_total\{.*\} [1-9]", metrics);
    }

    private static async Task<string> ClientsAsync(ConnectionMultiplexer redis) =>
        (string)(await redis.GetDatabase().ExecuteAsync("CLIENT", "LIST"))!;

    // Where nobody can be asked the former one is kept: it is known to have been right.
    [Fact]
    public async Task TryLogIn_PasswordThatIsWrong_KeepsTheFormer()
    {
        await AddUserAsync("first");
        await using var redis = await ConnectAsync(As("first"));

        Assert.False(await redis.TryLogInAsync(As("second")));

        await redis.Database.PingAsync();
    }

    [Fact]
    public async Task TryLogIn_UserWithoutTheRights_KeepsTheFormer()
    {
        await AddUserAsync("first");
        await _redis.CommandAsync("ACL SETUSER second on >password-of-second ~other:* &* +@all");
        await using var redis = await ConnectAsync(As("first"));

        Assert.False(await redis.TryLogInAsync(As("second")));

        await redis.Database.StringGetAsync(redis.GenerationKey);
    }

    [Fact]
    public async Task TryLogIn_AfterTheEnd_OpensNothing()
    {
        await AddUserAsync("first");
        var redis = await ConnectAsync(As("first"));
        await redis.DisposeAsync();

        Assert.False(await redis.TryLogInAsync(As("first")));
    }

    [Fact]
    public async Task TryLogIn_BehindSentinels_GoesOverToThePrimaryAndToThem()
    {
        await using var store = new SentinelStore();
        await store.StartAsync();
        await using var redis = await ConnectAsync(store.ConnectionString(0));

        Assert.True(await redis.TryLogInAsync(store.ConnectionString(0) + ",user=default,password=password-of-any"));

        await redis.Database.PingAsync();
        await redis.ProbeAsync();
        await redis.Database.PingAsync();
    }

    private static Task<RedisConnection> ConnectAsync(string connectionString) => RedisConnection.ConnectAsync(
        connectionString, "iamgw", TimeSpan.FromMilliseconds(200), new GatewayMetrics(), TimeProvider.System);

    [Theory]
    [InlineData("redis:6379,user=a,password=b,ssl=true", true)]
    [InlineData("redis:6379,ssl=true", true)]
    [InlineData("redis:6379,sentinelUser=a,sentinelPassword=b,ssl=true", true)]
    [InlineData("redis:6380,user=a,password=b,ssl=true", false)]
    [InlineData("redis:6379,user=a,password=b", false)]
    [InlineData("redis:6379,ssl=true,serviceName=iam", false)]
    public void Servers_AreTheSame_WhateverTheLogin(string connectionString, bool expected) =>
        Assert.Equal(
            expected, RedisConnection.HaveTheSameServers("redis:6379,user=x,password=y,ssl=true", connectionString));
}
