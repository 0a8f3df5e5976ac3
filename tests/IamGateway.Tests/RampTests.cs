using System.Collections.Concurrent;
using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests;

/// <summary>
/// The main job: weights go up and down under users with many tabs, and no session ever meets an older version.
/// </summary>
public sealed class RampTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private const int Sessions = 100;
    private const int Tabs = 3;
    private const int RequestsPerStage = 10;
    private static readonly int[] Weights = [0, 10, 50, 100, 20, 100];

    [Theory]
    [InlineData("memory")]
    [InlineData("redis")]
    public async Task Ramp_ManyTabsPerSession_NoRequestFailsAndNoneGoesBack(string store)
    {
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage("seed {0}", seed);
        var state = new MemorySessionState();
        var instances = new List<DemoIamInstance>();
        foreach (var version in new[] { "8.2.1", "8.2.1", "8.3.0", "8.3.0" })
            instances.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = version }, state));
        await using var gateway = await Gateway.StartAsync(instances, new Dictionary<string, string?>
        {
            ["ConnectionStrings:Redis"] = store == "redis" ? redis.ConnectionString : null,
            ["IamGateway:Store:KeyPrefix"] = "ramp",
        });
        using var http = new HttpMessageInvoker(
            new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        var failures = new ConcurrentQueue<string>();
        var browsers = Enumerable.Range(0, Sessions).Select(i =>
            new Browser(http, () => gateway.Proxy, $"user-{i}")).ToArray();

        await Task.WhenAll(browsers.Select(b => b.LogInAsync()));
        foreach (var weight in Weights)
        {
            // The weights change while every tab is at work; a stage ends when each has done its requests.
            var users = browsers.SelectMany((b, i) =>
                Enumerable.Range(0, Tabs).Select(t => UseAsync(b, seed + i * Tabs + t + weight, failures)));
            var work = Task.WhenAll(users.ToArray());
            await gateway.SetWeightsAsync(("8.2.1", 100 - weight), ("8.3.0", weight));
            await work;
        }

        var versions = await Task.WhenAll(browsers.Select(VersionOfAsync));
        foreach (var instance in instances)
            await instance.DisposeAsync();
        var verdict = HistoryJudge.Judge(instances.SelectMany(i => i.History));
        Assert.Empty(failures);
        Assert.True(verdict.IsClean, $"seed {seed}: {verdict}");
        Assert.Equal(0, verdict.Unended);
        Assert.All(instances, i => Assert.Equal((0, 0), (i.OlderVersionRequests, i.HistoryDropped)));
        Assert.All(versions, v => Assert.Equal("8.3.0", v));
        Assert.Equal((Sessions, Sessions), (verdict.Sessions, verdict.Migrations));
        Assert.Equal(0, await gateway.MetricAsync("iamgateway_violations_total"));
        TestContext.Current.SendDiagnosticMessage("{0}: {1}", store, verdict);
    }

    private static async Task UseAsync(Browser browser, int seed, ConcurrentQueue<string> failures)
    {
        var random = new Random(seed);
        for (var i = 0; i < RequestsPerStage; i++)
        {
            try
            {
                await browser.SendAsync(HttpMethod.Get, random.Next(10) switch
                {
                    < 5 => "/api/touch",
                    < 8 => $"/slow?ms={random.Next(20)}",
                    8 => "/rotate",
                    _ => "/api/me",
                });
            }
            catch (Exception e) when (e is FailedRequestException or HttpRequestException)
            {
                failures.Enqueue(e.Message);
            }
        }
    }

    private static async Task<string?> VersionOfAsync(Browser browser)
    {
        using var me = JsonDocument.Parse(await browser.SendAsync(HttpMethod.Get, "/api/me"));
        return me.RootElement.GetProperty("version").GetString();
    }
}
