using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>What a restart of the gateway must not forget.</summary>
public sealed class RestartTests(RedisServer redis) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-restart-");
    private readonly List<DemoIamInstance> _iam = [];

    public async ValueTask InitializeAsync()
    {
        var state = new MemorySessionState();
        _iam.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1", Name = "old" }, state));
        _iam.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0", Name = "new" }, state));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _iam)
            await instance.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Redis_GatewayStartsAgain_WeightsInstancesEventsAndSessionsAreThere()
    {
        var settings = OnRedis("survive");
        string events, instances, cookie, session;
        await using (var before = await Gateway.StartAsync(_iam, settings))
        {
            await before.SetWeightsAsync(("8.2.1", 70), ("8.3.0", 30));
            using var drain = await before.Admin.PostAsync("/api/v1/instances/new/drain?force=true", null);
            drain.EnsureSuccessStatusCode();
            cookie = await CookieAsync(before);
            session = await LookUpAsync(before, cookie);
            instances = await InstancesAsync(before);
            events = await before.Admin.GetStringAsync("/api/v1/events");
        }

        // The first version of the configuration must not come back, whatever it says.
        settings["IamGateway:Versions:Initial"] = "8.3.0";
        await using var after = await Gateway.StartAsync(_iam, settings);

        Assert.Equal("""{"8.2.1":70,"8.3.0":30}""", await WeightsAsync(after));
        Assert.Equal("new drained, old active", instances);
        Assert.Equal(instances, await InstancesAsync(after));
        Assert.StartsWith(
            events.TrimEnd(']'), await after.Admin.GetStringAsync("/api/v1/events"), StringComparison.Ordinal);
        Assert.Equal(session, await LookUpAsync(after, cookie));
        var what = JsonDocument.Parse(events).RootElement.EnumerateArray().Select(e => e.Text("what"));
        Assert.Contains("weights.set", what);
    }

    [Fact]
    public async Task StateFile_GatewayStartsAgain_WeightsAreThereAndCanBeChanged()
    {
        var settings = OnFile();
        await using (var before = await Gateway.StartAsync(_iam, settings))
            await before.SetWeightsAsync(("8.2.1", 20), ("8.3.0", 80));
        await using var after = await Gateway.StartAsync(_iam, settings);

        Assert.Equal("""{"8.2.1":20,"8.3.0":80}""", await WeightsAsync(after));
        await after.SetWeightsAsync(("8.3.0", 100));
        Assert.Single(
            JsonDocument.Parse(await after.Admin.GetStringAsync("/api/v1/replicas")).RootElement.EnumerateArray());
    }

    [Fact]
    public async Task StateFile_ProcessKilled_WeightsAreThere()
    {
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        var settings = OnFile();
        settings["Kestrel:Endpoints:Admin:Url"] = admin;
        await using (var process = GatewayProcess.Start(Gateway.Arguments(_iam, settings)))
        {
            await process.UntilReadyAsync(admin);
            using var client = new HttpClient { BaseAddress = new Uri(admin) };
            client.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
            using var body = new StringContent(
                """{"weights":{"8.2.1":20,"8.3.0":80}}""", System.Text.Encoding.UTF8, "application/json");
            using var response = await client.PutAsync("/api/v1/weights", body);
            response.EnsureSuccessStatusCode();
        }

        await using var after = await Gateway.StartAsync(_iam, OnFile());
        Assert.Equal("""{"8.2.1":20,"8.3.0":80}""", await WeightsAsync(after));
    }

    /// <summary>
    /// Fault: the entry of a killed process stayed in the state file as a replica that never acknowledges, unless
    /// the next process had the same host name and admin port; no version could be activated any more.
    /// </summary>
    [Fact]
    public async Task StateFile_ProcessKilled_ItsRegistrationEndsByItself()
    {
        var settings = OnFile();
        settings["IamGateway:RequestTimeout"] = "00:00:01";
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        settings["Kestrel:Endpoints:Admin:Url"] = admin;
        await using (var process = GatewayProcess.Start(Gateway.Arguments(_iam, settings)))
            await process.UntilReadyAsync(admin);

        settings["Kestrel:Endpoints:Admin:Url"] = "http://127.0.0.1:0";
        await using var after = await Gateway.StartAsync(_iam, settings);
        Assert.True(
            await after.Service<IamGateway.Routing.Replica>().WaitForAsync(s =>
                s.Replicas.Length == 1, TimeSpan.FromSeconds(20)));
        await after.SetWeightsAsync(("8.2.1", 20), ("8.3.0", 80));
    }

    private Dictionary<string, string?> OnRedis(string prefix) => new()
    {
        ["ConnectionStrings:Redis"] = redis.ConnectionString,
        ["IamGateway:Store:KeyPrefix"] = prefix,
    };

    private Dictionary<string, string?> OnFile() => new()
    {
        ["IamGateway:Store:StateFile"] = Path.Combine(_directory.FullName, "state.json"),
    };

    private static async Task<string> WeightsAsync(Gateway gateway) =>
        JsonDocument.Parse(await gateway.Admin.GetStringAsync("/api/v1/weights")).RootElement
            .GetProperty("weights").GetRawText();

    private static async Task<string> InstancesAsync(Gateway gateway)
    {
        var list = JsonDocument.Parse(await gateway.Admin.GetStringAsync("/api/v1/instances")).RootElement;
        return string.Join(", ", list.EnumerateArray().Select(i => $"{i.Text("id")} {i.Text("state")}"));
    }

    private static async Task<string> CookieAsync(Gateway gateway)
    {
        using var client = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = gateway.Proxy };
        using var response = await client.GetAsync("/login");
        return Assert.Single(response.Headers.GetValues("Set-Cookie")).Split('=', ';')[1];
    }

    /// <summary>Key, version and bucket of the session.</summary>
    private static async Task<string> LookUpAsync(Gateway gateway, string cookie)
    {
        using var body = new StringContent(
            $$"""{"handle":"{{cookie}}"}""", System.Text.Encoding.UTF8, "application/json");
        using var response = await gateway.Admin.PostAsync("/api/v1/sessions/lookup", body);
        response.EnsureSuccessStatusCode();
        var session = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        return $"{session.Text("key")} {session.Text("version")} {session.GetProperty("bucket")}";
    }
}
