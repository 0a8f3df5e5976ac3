using System.Net;
using System.Net.Http.Json;
using IamGateway.Pins;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace IamGateway.Tests.Forwarding;

/// <summary>G3: a handle's name is kept for the lifetime of its kind, in the steady state and in a rollout.</summary>
public sealed class HandleLifetimeTests
{
    private static readonly Dictionary<string, string?> Rules = new()
    {
        ["IamGateway:Sessions:1:Name"] = "code",
        ["IamGateway:Sessions:1:Query"] = "code",
        ["IamGateway:Sessions:1:LocationQuery"] = "code",
        ["IamGateway:Sessions:1:Lifetime"] = "00:10:00",
    };

    private static Task IamAsync(HttpContext http)
    {
        if (http.Request.Query["set"] is [{ } session])
            http.Response.Headers.Append("Set-Cookie", $"IAM_SESSION={session}; Path=/");
        if (http.Request.Query["hand-out"] is [{ } code])
            http.Response.Headers.Location = $"/?code={code}";
        return Task.CompletedTask;
    }

    private static async Task<Gateway> StartAsync(
        Backend[] backends, TimeProvider? time, params (string Key, string? Value)[] more)
    {
        var settings = Backend.Settings(backends);
        foreach (var (key, value) in Rules.Select(r => (r.Key, r.Value)).Concat(more))
            settings[key] = value;
        return await Gateway.StartAsync([], settings, time);
    }

    private static async Task SendAsync(Gateway gateway, string path, string? session = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        if (session is not null)
            client.DefaultRequestHeaders.Add("Cookie", $"IAM_SESSION={session}");
        using var response = await client.GetAsync(new Uri(gateway.Proxy, path));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Lifetime_OfARule_IsHowLongRedisKeepsItsNames(bool isRollout)
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var old = await Backend.StartAsync("8.2.1", IamAsync);
        await using var @new = await Backend.StartAsync("8.3.0", IamAsync);
        await using var gateway = await StartAsync(
            [old, @new], null, ("ConnectionStrings:Redis", redis.ConnectionString));
        if (isRollout)
            await gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));

        await SendAsync(gateway, "/?set=mine");
        await SendAsync(gateway, "/?hand-out=c1", "mine");
        await SendAsync(gateway, "/?set=next", "mine");
        await gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);

        using var client = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        var (names, records) = (new List<double>(), new List<double>());
        await foreach (var key in client.GetServers()[0].KeysAsync(pattern: "iamgw:????????????????"))
        {
            if ((byte[])(await client.GetDatabase().StringGetAsync(key))! is [var kind, ..])
                (kind == 'A' ? names : records).Add(
                    (await client.GetDatabase().KeyTimeToLiveAsync(key))!.Value.TotalMinutes);
        }

        Assert.Equal([10, 720], names.Order().Select(m => Math.Ceiling(m)));
        Assert.Equal([720], records.Select(m => Math.Ceiling(m)));
    }

    [Fact]
    public async Task Lifetime_HandleInUse_IsExtendedOftenEnough()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 3, 14, 0, 0, TimeSpan.Zero));
        await using var backend = await Backend.StartAsync("8.2.1", IamAsync);
        await using var gateway = await StartAsync([backend], time);
        await SendAsync(gateway, "/?set=mine");
        await SendAsync(gateway, "/?hand-out=c1", "mine");

        for (var minutes = 0; minutes < 60; minutes += 4)
        {
            time.Advance(TimeSpan.FromMinutes(4));
            await SendAsync(gateway, "/?code=c1");
            await gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
        }

        Assert.Equal(HttpStatusCode.OK, await LookupAsync(gateway, "c1"));
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(HttpStatusCode.NotFound, await LookupAsync(gateway, "c1"));
        Assert.Equal(HttpStatusCode.OK, await LookupAsync(gateway, "mine"));
    }

    private static async Task<HttpStatusCode> LookupAsync(Gateway gateway, string handle)
    {
        using var found = await gateway.Admin.PostAsJsonAsync("/api/v1/sessions/lookup", new { handle });
        return found.StatusCode;
    }
}
