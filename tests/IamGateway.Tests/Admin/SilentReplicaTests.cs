using System.Net.Http.Json;
using System.Text.Json;
using DemoIam;
using IamGateway.Routing;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;

namespace IamGateway.Tests.Admin;

/// <summary>Two replicas on one Redis, one of which does not answer (its process is stopped, not ended).</summary>
public sealed class SilentReplicaTests(RedisServer redis) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private const string HalfAndHalf = """{"8.2.1":50,"8.3.0":50}""";
    private readonly string _admin = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _prefix = $"t{Guid.NewGuid():N}"[..12];
    private readonly List<DemoIamInstance> _iam = [];
    private Gateway _gateway = null!;
    private ServerProcess _other = null!;

    public async ValueTask InitializeAsync()
    {
        var state = new MemorySessionState();
        _iam.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1", Name = "old" }, state));
        _iam.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0", Name = "new" }, state));
        var settings = new Dictionary<string, string?>
        {
            ["ConnectionStrings:Redis"] = redis.ConnectionString,
            ["IamGateway:Store:KeyPrefix"] = _prefix,
            ["IamGateway:RequestTimeout"] = "00:00:01",
        };
        _gateway = await Gateway.StartAsync(_iam, settings);
        settings["Kestrel:Endpoints:Admin:Url"] = _admin;
        _other = GatewayProcess.Start(Gateway.Arguments(_iam, settings));
        await _other.UntilReadyAsync(_admin);
        Assert.True(await UntilAsync(s => s.Replicas.Length == 2));
    }

    public async ValueTask DisposeAsync()
    {
        await _other.DisposeAsync();
        await _gateway.DisposeAsync();
        foreach (var instance in _iam)
            await instance.DisposeAsync();
    }

    [Fact]
    public async Task Weights_BothReplicasAnswer_AreAppliedByBothWhenTheCallReturns()
    {
        await _gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        using var client = new HttpClient { BaseAddress = new Uri(_admin) };
        client.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);

        var weights = await client.GetFromJsonAsync<JsonElement>("/api/v1/weights");
        Assert.Equal(HalfAndHalf, weights.GetProperty("weights").GetRawText());
    }

    [Fact]
    public async Task Weights_OfANewVersion_AreRefusedWithTheSilentReplicasNameAndTakenBack()
    {
        await _other.SignalAsync("STOP");
        using var response = await PutAsync(HalfAndHalf);
        var problem = await Problem.AssertAsync(response, 409, "did not acknowledge");

        var me = _gateway.Service<Replica>();
        var silent = me.View.State.Replicas.Single(r => r.Id != me.Id).Name;
        Assert.Equal(silent, Assert.Single(problem.GetProperty("replicas").EnumerateArray()).GetString());
        Assert.Equal("""{"8.2.1":100,"8.3.0":0}""", (await GetAsync("weights")).GetProperty("weights").GetRawText());
        Assert.Equal("steady", (await GetAsync("status")).Text("phase"));
        Assert.Equal("registered", (await GetAsync("versions")).One("version", "8.3.0").Text("state"));
    }

    [Fact]
    public async Task Weights_OfActiveVersions_AreAcceptedWithThePendingReplica()
    {
        await _gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        await _other.SignalAsync("STOP");
        using var response = await PutAsync("""{"8.2.1":40,"8.3.0":60}""");
        var reply = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal(202, (int)response.StatusCode);
        Assert.Single(reply.GetProperty("pending").EnumerateArray());
        Assert.Equal(JsonValueKind.Null, reply.GetProperty("appliedIn").ValueKind);
        Assert.Equal("""{"8.2.1":40,"8.3.0":60}""", reply.GetProperty("weights").GetRawText());
    }

    [Fact]
    public async Task Retire_ReplicaStopped_IsRefusedWithItsNameAndNothingIsChanged()
    {
        await _gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        var me = _gateway.Service<Replica>();
        var other = me.View.State.Replicas.Single(r => r.Id != me.Id).Name;
        await Eventually.UntilAsync(async () => await SilentAsync(other) == 0);
        await _other.SignalAsync("STOP");
        await Eventually.UntilAsync(async () => await SilentAsync(other) == 1);

        using var refused = await _gateway.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);

        var problem = await Problem.AssertAsync(refused, 409, $"because {other} did not answer");
        Assert.Equal(other, Assert.Single(problem.GetProperty("replicas").EnumerateArray()).GetString());
        Assert.Equal("draining", (await GetAsync("versions")).One("version", "8.2.1").Text("state"));
        using var lowest = await _gateway.Admin.PostAsync("/api/v1/versions/8.3.0/retire", null);
        await Problem.AssertAsync(lowest, 409, "cannot be retired");

        await _other.SignalAsync("CONT");
        await Eventually.UntilAsync(async () => await SilentAsync(other) == 0);
        using var accepted = await _gateway.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        Assert.True(accepted.IsSuccessStatusCode);
        Assert.True(await UntilAsync(s => s.Find(VersionId.Parse("8.2.1"))!.Status == VersionStatus.Retired));
    }

    [Fact]
    public async Task Metric_ReplicaStopped_SaysThatItIsSilent()
    {
        var me = _gateway.Service<Replica>();
        var other = me.View.State.Replicas.Single(r => r.Id != me.Id).Name;
        await Eventually.UntilAsync(async () => await SilentAsync(other) == 0);

        await _other.SignalAsync("STOP");

        await Eventually.UntilAsync(async () => await SilentAsync(other) == 1);
        Assert.Equal(0, await SilentAsync(me.Name));
    }

    private async Task<double?> SilentAsync(string replica)
    {
        var line = (await _gateway.Admin.GetStringAsync("/metrics")).Split('\n').FirstOrDefault(l =>
            l.StartsWith($"iamgateway_replica_silent{{replica=\"{replica}\"}}", StringComparison.Ordinal));
        return line is null
            ? null
            : double.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Replica_ForgottenThroughTheApi_EndsItselfAndBlocksNothingAnyMore()
    {
        var dead = (await GetAsync("replicas")).EnumerateArray().Single(r => !r.GetProperty("self").GetBoolean());
        await _other.SignalAsync("STOP");
        using var response = await _gateway.Admin.DeleteAsync($"/api/v1/replicas/{dead.Text("id")}");
        var reply = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal(202, (int)response.StatusCode);
        Assert.True(reply.GetProperty("forgotten").GetBoolean());
        Assert.True(await UntilAsync(s => s.Replicas.Length == 1));
        await _gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));

        // It was not dead after all: it must find out by itself and serve nothing.
        await _other.SignalAsync("CONT");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await _other.Process.WaitForExitAsync(patience.Token);
        Assert.Equal(1, _other.Process.ExitCode);
        Assert.Equal(dead.Text("name"), (await GetAsync("events")).One("what", "replica.forgotten").Text("to"));
    }

    private Task<bool> UntilAsync(Func<RoutingState, bool> condition) =>
        _gateway.Service<Replica>().WaitForAsync(condition, TimeSpan.FromSeconds(20));

    private Task<JsonElement> GetAsync(string what) => _gateway.Admin.GetFromJsonAsync<JsonElement>($"/api/v1/{what}");

    private async Task<HttpResponseMessage> PutAsync(string weights)
    {
        using var body = new StringContent($"{{\"weights\":{weights}}}", System.Text.Encoding.UTF8, "application/json");
        return await _gateway.Admin.PutAsync("/api/v1/weights", body);
    }
}
