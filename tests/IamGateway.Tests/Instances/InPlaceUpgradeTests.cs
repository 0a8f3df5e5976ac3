using System.Collections.Concurrent;
using System.Text.Json;
using DemoIam;
using IamGateway.Instances;
using IamGateway.Routing;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Instances;

/// <summary>
/// Three instances become the new version one after the other at their own addresses, behind two replicas, under users
/// at work. Every request is looked at: by its user, and at the instances by the judge.
/// </summary>
public sealed class InPlaceUpgradeTests(RedisServer redis) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private const int Users = 100;
    private readonly MemorySessionState _state = new();
    private readonly Dictionary<string, DemoIamInstance> _running = [];
    private readonly List<DemoIamInstance> _all = [];
    private readonly List<Gateway> _gateways = [];
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly HttpMessageInvoker _http = new(
        new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    public async ValueTask InitializeAsync()
    {
        foreach (var name in new[] { "a", "b", "c" })
            await StartAsync(name, "8.2.1", "http://127.0.0.1:0");
    }

    [Fact]
    public async Task InPlace_NobodyTellsTheGateway_NoRequestFailsAndNoneGoesBack()
    {
        await StartGatewaysAsync("silent");
        await UnderLoadAsync(["/api/touch", "/slow?ms=30", "/api/me", "/rotate"], async () =>
        {
            foreach (var name in _running.Keys.ToArray())
            {
                await RestartAsync(name);
                foreach (var gateway in _gateways)
                    await UntilAsync(() => IsNew(gateway, name));
            }

            foreach (var gateway in _gateways)
            {
                await UntilAsync(() =>
                    gateway.Service<Replica>().View.State.Newest.Version.ToString() == "8.3.0");
            }
        });
        await AssertCleanAsync();
    }

    [Fact]
    public async Task InPlace_DrainUpgradeResume_NoRequestUploadOrSocketFails()
    {
        await StartGatewaysAsync("told");
        await using var sockets = await SocketUsers.StartAsync(_http, 10, i => _gateways[i % 2].Proxy);
        await UnderLoadAsync(["/api/touch", "/slow?ms=30", "/upload", "/echo", "/rotate"], async () =>
        {
            var names = _running.Keys.ToArray();
            for (var i = 0; i < names.Length; i++)
            {
                await CommandAsync($"/api/v1/instances/{names[i]}/drain");
                foreach (var gateway in _gateways)
                    await UntilAsync(async () => await StateAsync(gateway, names[i]) == "drained");
                await RestartAsync(names[i]);
                foreach (var gateway in _gateways)
                    await UntilAsync(() => IsNew(gateway, names[i]));
                await CommandAsync($"/api/v1/instances/{names[i]}/resume");
                if (i == 0)
                    await _gateways[0].SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
            }

            await _gateways[1].SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        });
        await sockets.StopAsync();
        Assert.Empty(sockets.Failures);
        // Each was on one of the three instances, whose drain sent it elsewhere with 1012.
        Assert.InRange(sockets.Restarts, 10, 30);
        await AssertCleanAsync(Users + 10);
    }

    private async Task StartGatewaysAsync(string prefix)
    {
        for (var i = 0; i < 2; i++)
        {
            _gateways.Add(await Gateway.StartAsync(_running.Values, new Dictionary<string, string?>
            {
                ["ConnectionStrings:Redis"] = redis.ConnectionString,
                ["IamGateway:Store:KeyPrefix"] = prefix,
                ["IamGateway:Versions:Discovery:Path"] = "/health",
                ["IamGateway:Versions:Discovery:JsonField"] = "version",
                ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
                ["IamGateway:Versions:Discovery:Interval"] = "00:00:00.500",
                ["IamGateway:Drain:CloseWithin"] = "00:00:00.500",
                // An instance that stops closes connections on which a request has just come to it.
                ["ReverseProxy:Routes:iam:Metadata:Retry"] = "safe",
                ["Logging:LogLevel:Default"] = "Critical",
                ["Logging:LogLevel:Yarp"] = "Critical",
            }));
        }
    }

    private async Task StartAsync(string name, string version, string url)
    {
        var instance = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = version, Name = name, Url = url }, _state);
        _running[name] = instance;
        _all.Add(instance);
    }

    private async Task RestartAsync(string name)
    {
        var old = _running[name];
        await old.DisposeAsync();
        await StartAsync(name, "8.3.0", old.Address.ToString());
    }

    /// <summary>Users work from before the upgrade until each has done some requests after it.</summary>
    private async Task UnderLoadAsync(string[] paths, Func<Task> upgrade)
    {
        var isOver = false;
        var browsers = Enumerable.Range(0, Users).Select(i =>
            new Browser(_http, () => _gateways[i % 2].Proxy, $"user-{i}")).ToArray();
        await Task.WhenAll(browsers.Select(b => b.LogInAsync()));
        var work = Task.WhenAll(browsers.Select((b, i) => UseAsync(b, i, paths, () => Volatile.Read(ref isOver))));
        await upgrade();
        Volatile.Write(ref isOver, true);
        await work;
        foreach (var browser in browsers)
        {
            using var me = JsonDocument.Parse(await browser.SendAsync(HttpMethod.Get, "/api/me"));
            Assert.Equal("8.3.0", me.RootElement.GetProperty("version").GetString());
        }
    }

    private async Task UseAsync(Browser browser, int user, string[] paths, Func<bool> isOver)
    {
        for (var (i, rest) = (user, 5); rest > 0; i++)
        {
            rest -= isOver() ? 1 : 0;
            var path = paths[i % paths.Length];
            try
            {
                if (path is "/upload" or "/echo")
                    await browser.SendAsync(HttpMethod.Post, path, ("field", new string('x', 5_000)));
                else
                    await browser.SendAsync(HttpMethod.Get, path);
            }
            catch (Exception e) when (e is FailedRequestException or HttpRequestException)
            {
                _failures.Enqueue($"{DateTime.UtcNow:HH:mm:ss.fff} user-{user} {e.Message}");
            }
        }
    }

    private async Task AssertCleanAsync(int users = Users)
    {
        foreach (var instance in _running.Values)
            await instance.DisposeAsync();
        var verdict = HistoryJudge.Judge(_all.SelectMany(i => i.History));
        TestContext.Current.SendDiagnosticMessage("{0}", verdict);
        Assert.True(_failures.IsEmpty, $"{_failures.Count} failed: {string.Join('\n', _failures.Take(50))}");
        Assert.True(verdict.IsClean, verdict.ToString());
        Assert.Equal((users, users), (verdict.Sessions, verdict.Migrations));
        Assert.All(_all, i => Assert.Equal((0, 0), (i.OlderVersionRequests, i.HistoryDropped)));
        foreach (var gateway in _gateways)
            Assert.Equal(0, await gateway.MetricAsync("iamgateway_violations_total"));
    }

    private async Task CommandAsync(string path)
    {
        using var response = await _gateways[0].Admin.PostAsync(path, null);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private static bool IsNew(Gateway gateway, string id) =>
        gateway.Service<InstanceTable>().Find(id)!.Reported?.ToString() == "8.3.0";

    private static async Task<string?> StateAsync(Gateway gateway, string id)
    {
        using var all = JsonDocument.Parse(await gateway.Admin.GetStringAsync("/api/v1/instances"));
        return all.RootElement.EnumerateArray().First(i => i.GetProperty("id").GetString() == id)
            .GetProperty("state").GetString();
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static Task UntilAsync(Func<Task<bool>> condition) =>
        Eventually.UntilAsync(condition, TimeSpan.FromSeconds(60));

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways)
            await gateway.DisposeAsync();
        foreach (var instance in _all)
            await instance.DisposeAsync();
        _http.Dispose();
    }
}
