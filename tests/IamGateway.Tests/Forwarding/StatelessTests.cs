using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>Static files, discovery documents and keys belong to no session.</summary>
public sealed class StatelessTests
{
    [Fact]
    public async Task StatelessPath_DuringARollout_GoesByWeightPerRequestAndAsksNoStore()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var old = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("8.2.1"));
        await using var @new = await Backend.StartAsync("8.3.0", http => http.Response.WriteAsync("8.3.0"));
        var settings = Backend.Settings(old, @new);
        settings["ConnectionStrings:Redis"] = redis.ConnectionString;
        settings["IamGateway:Stateless:0"] = "/.well-known";
        await using var gateway = await Gateway.StartAsync([], settings);
        await gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        client.BaseAddress = gateway.Proxy;
        // Also with a cookie that names a session, which a browser sends everywhere.
        client.DefaultRequestHeaders.Add("Cookie", "IAM_SESSION=mine");

        var versions = new List<string>();
        for (var i = 0; i < 100; i++)
            versions.Add(await client.GetStringAsync("/.well-known/jwks.json"));

        // That one of the two gets none of a hundred happens once in 10^30 runs.
        Assert.Equal(["8.2.1", "8.3.0"], versions.Distinct().Order());
        foreach (var operation in new[] { "claim", "lease", "link", "write", "release" })
            Assert.Equal(0, await gateway.MetricAsync(
                $"iamgateway_store_duration_seconds_count{{operation=\"{operation}\"}}"));
        Assert.Equal(
            versions.Count(v => v == "8.3.0"), await gateway.MetricAsync(
                "iamgateway_requests_total{version=\"8.3.0\",instance=\"b\",code=\"2xx\",decision=\"stateless\"}"));
    }
}
