using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// What a request costs in things that can be counted: bytes allocated, and calls of the store. Bounds are generous;
/// they are for what goes wrong by whole objects and whole calls. Times are the bench's business.
/// </summary>
[Collection(nameof(CostTests))]
[CollectionDefinition(nameof(CostTests), DisableParallelization = true)]
public sealed class CostTests
{
    private const int Requests = 2000;

    // Of gateway, client and instance together, which share the process: 7.5 KB, some 5 of them the gateway's.
    private const long MaxBytes = 10 * 1024;

    [Fact]
    public async Task SteadyState_ARequestAllocatesLittleAndCallsNoStore()
    {
        await using var redis = await RedisAsync();
        await using var backend = await InstanceAsync("8.2.1");
        await using var gateway = await Gateway.StartAsync([], Settings(redis, backend));
        using var client = Client(gateway, "steady");
        await AskAsync(client, Requests);
        var calls = await CallsAsync(gateway);

        var bytes = await AllocatedAsync(() => AskAsync(client, Requests));

        Assert.True(bytes <= MaxBytes, $"A request allocates {bytes} bytes, more than {MaxBytes}.");
        Assert.Equal(calls, await CallsAsync(gateway));
    }

    [Fact]
    public async Task MidRollout_ASessionAtTheNewestVersionCallsNoStore()
    {
        await using var redis = await RedisAsync();
        await using var old = await InstanceAsync("8.2.1");
        await using var @new = await InstanceAsync("8.3.0");
        await using var gateway = await Gateway.StartAsync([], Settings(redis, old, @new));
        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        using var client = Client(gateway, "final");
        await AskAsync(client, 10);
        var calls = await CallsAsync(gateway);

        var bytes = await AllocatedAsync(() => AskAsync(client, Requests));

        Assert.True(bytes <= MaxBytes, $"A request allocates {bytes} bytes, more than {MaxBytes}.");
        Assert.Equal(calls, await CallsAsync(gateway));
    }

    [Fact]
    public async Task MidRollout_ASessionAtTheOldVersionWaitsForOneCall()
    {
        await using var redis = await RedisAsync();
        await using var old = await InstanceAsync("8.2.1");
        await using var @new = await InstanceAsync("8.3.0");
        var settings = Settings(redis, old, @new);
        settings["IamGateway:Migration:ExistingSessions"] = "Stay";
        // So no lease is kept.
        settings["IamGateway:Migration:MaxWait"] = "00:00:00";
        await using var gateway = await Gateway.StartAsync([], settings);
        using var client = await OldSessionAsync(gateway);
        Assert.Equal("8.2.1", await AskAsync(client, 10));
        var (claims, waits, releases) = await CallsAsync(gateway);

        Assert.Equal("8.2.1", await AskAsync(client, Requests));

        var after = await CallsAsync(gateway);
        Assert.Equal(claims + Requests, after.Claims);
        Assert.Equal(waits, after.OtherWaits);
        // Behind the requests, and those that wait together in one.
        Assert.InRange(after.Releases - releases, 1, Requests);
    }

    [Fact]
    public async Task MidRollout_AKeptLeaseServesTheNextRequestsWithoutACall()
    {
        await using var redis = await RedisAsync();
        await using var old = await InstanceAsync("8.2.1");
        await using var @new = await InstanceAsync("8.3.0");
        var settings = Settings(redis, old, @new);
        settings["IamGateway:Migration:ExistingSessions"] = "Stay";
        settings["IamGateway:TestOnly:LeasesKeptFor"] = "00:10:00";
        await using var gateway = await Gateway.StartAsync([], settings);
        using var client = await OldSessionAsync(gateway);
        var (claims, waits, releases) = (0.0, 0.0, 0.0);
        // The lease of the session's group is taken behind its first request.
        await Eventually.UntilAsync(async () =>
        {
            (claims, waits, releases) = await CallsAsync(gateway);
            Assert.Equal("8.2.1", await AskAsync(client, 1));
            return (claims, waits, releases) == await CallsAsync(gateway);
        });

        var bytes = await AllocatedAsync(() => AskAsync(client, Requests));

        Assert.True(bytes <= MaxBytes, $"A request allocates {bytes} bytes, more than {MaxBytes}.");
        var after = await CallsAsync(gateway);
        Assert.Equal((claims, waits), (after.Claims, after.OtherWaits));
        // That of a request from before.
        Assert.InRange(after.Releases - releases, 0, 1);
    }

    /// <summary>A client whose session stays at the old version, in the middle of a rollout.</summary>
    private static async Task<HttpClient> OldSessionAsync(Gateway gateway)
    {
        // Without a cookie, so that the answer begins the session.
        using (var begins = new HttpClient { BaseAddress = gateway.Proxy })
            await begins.GetStringAsync("/begin");
        await gateway.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        return Client(gateway, "old");
    }

    private static async Task<long> AllocatedAsync(Func<Task> act)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await act();
        var bytes = (GC.GetTotalAllocatedBytes(precise: true) - before) / Requests;
        TestContext.Current.SendDiagnosticMessage("{0} bytes a request", bytes);
        return bytes;
    }

    private static async Task<string> AskAsync(HttpClient client, int times)
    {
        var answer = "";
        for (var i = 0; i < times; i++)
            answer = await client.GetStringAsync("/page");
        return answer;
    }

    /// <summary>
    /// Calls of the store so far that requests wait for, claims among them, and those that release leases behind them.
    /// </summary>
    private static async Task<(double Claims, double OtherWaits, double Releases)> CallsAsync(Gateway gateway)
    {
        async Task<double> Of(string operation) =>
            await gateway.MetricAsync($"iamgateway_store_duration_seconds_count{{operation=\"{operation}\"}}");
        return (await Of("claim"), await Of("lease") + await Of("link") + await Of("find"), await Of("release"));
    }

    private static HttpClient Client(Gateway gateway, string session)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = gateway.Proxy };
        client.DefaultRequestHeaders.Add("Cookie", $"IAM_SESSION={session}");
        return client;
    }

    private static Task<Backend> InstanceAsync(string version) => Backend.StartAsync(version, http =>
    {
        if (http.Request.Path == "/begin")
            http.Response.Headers.SetCookie = "IAM_SESSION=old; Path=/";
        return http.Response.WriteAsync(version);
    });

    private static async Task<RedisServer> RedisAsync()
    {
        var redis = new RedisServer();
        await redis.InitializeAsync();
        return redis;
    }

    private static Dictionary<string, string?> Settings(RedisServer redis, params Backend[] instances)
    {
        var settings = Backend.Settings(instances);
        settings["ConnectionStrings:Redis"] = redis.ConnectionString;
        // Off as by default; the search of all outputs switches it on.
        settings["IamGateway:AccessLog:Share"] = "0";
        return settings;
    }
}
