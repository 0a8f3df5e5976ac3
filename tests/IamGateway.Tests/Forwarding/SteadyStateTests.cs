using System.Net;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>L3: with one active version the store is not asked, and its absence is not noticed.</summary>
public sealed class SteadyStateTests
{
    [Fact]
    public async Task OneActiveVersion_NoRequestAsksTheStore()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("ok"));
        await using var gateway = await StartAsync(redis, backend);
        using var client = new HttpClient(
            new SocketsHttpHandler { UseCookies = false })
        { BaseAddress = gateway.Proxy };
        client.DefaultRequestHeaders.Add("Cookie", "IAM_SESSION=mine");

        for (var i = 0; i < 100; i++)
            Assert.Equal("ok", await client.GetStringAsync("/"));

        Assert.Equal(0, await gateway.MetricAsync("iamgateway_store_duration_seconds_count{operation=\"claim\"}"));
        Assert.Equal(0, await gateway.MetricAsync("iamgateway_store_duration_seconds_count{operation=\"lease\"}"));
        Assert.Equal(0, await gateway.MetricAsync("iamgateway_store_duration_seconds_count{operation=\"link\"}"));
    }

    [Theory]
    [InlineData("killed")]
    [InlineData("stopped")]
    public async Task OneActiveVersion_StoreAway_FailsNoRequestAndRecordsWhenItIsBack(string how)
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers.Append("Set-Cookie", "IAM_SESSION=next; Path=/");
            return http.Response.WriteAsync("ok");
        });
        await using var gateway = await StartAsync(redis, backend);
        using var client = new HttpClient(
            new SocketsHttpHandler { UseCookies = false })
        { BaseAddress = gateway.Proxy };
        await (how == "killed" ? redis.KillAsync() : redis.SignalAsync("STOP"));

        for (var i = 0; i < 100; i++)
            Assert.Equal("ok", await client.GetStringAsync("/"));

        await (how == "killed" ? redis.StartAsync() : redis.SignalAsync("CONT"));
        var status = HttpStatusCode.NotFound;
        for (var i = 0; i < 200 && status != HttpStatusCode.OK; i++)
        {
            // Asks again until the queue is through; how long that takes is not this test's business.
            using var found = await gateway.Admin.PostAsync(
                "/api/v1/sessions/lookup", new StringContent("{\"handle\":\"next\"}", null, "application/json"));
            status = found.StatusCode;
            await Task.Delay(50);
        }

        Assert.Equal(HttpStatusCode.OK, status);
    }

    private static Task<Gateway> StartAsync(RedisServer redis, Backend backend)
    {
        var settings = Backend.Settings(backend);
        settings["ConnectionStrings:Redis"] = redis.ConnectionString;
        return Gateway.StartAsync([], settings);
    }
}
