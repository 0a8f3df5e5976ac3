using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;

namespace IamGateway.Tests.Rollouts;

/// <summary>Two replicas on one Redis: the one in this process, and one that can be killed.</summary>
public sealed class RolloutReplicasTests(RedisServer redis) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private const string Steps =
        """
        "steps":[{"weight":50,"hold":"manual"},{"weight":100,"hold":"0s"}],"analysis":{"minRequests":0}
        """;

    private readonly string _address = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _proxy = $"http://127.0.0.1:{Ports.Next()}";
    private readonly Dictionary<string, string?> _settings = new()
    {
        ["ConnectionStrings:Redis"] = redis.ConnectionString,
        ["IamGateway:Store:KeyPrefix"] = $"t{Guid.NewGuid():N}"[..12],
        ["IamGateway:RequestTimeout"] = "00:00:03",
    };

    private RolloutSite _site = null!;
    private ServerProcess _other = null!;
    private HttpClient _otherAdmin = null!;

    public async ValueTask InitializeAsync()
    {
        _site = await RolloutSite.StartAsync(settings =>
        {
            foreach (var (key, value) in _settings)
                settings[key] = value;
        });
        _settings["Kestrel:Endpoints:Admin:Url"] = _address;
        _settings["Kestrel:Endpoints:Proxy:Url"] = _proxy;
        _other = GatewayProcess.Start(Gateway.Arguments(_site.Instances, _settings));
        await _other.UntilReadyAsync(_address);
        _otherAdmin = new HttpClient { BaseAddress = new Uri(_address) };
        _otherAdmin.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        Assert.True(await UntilAsync(s => s.Replicas.Length == 2));
    }

    public async ValueTask DisposeAsync()
    {
        _otherAdmin.Dispose();
        await _other.DisposeAsync();
        await _site.DisposeAsync();
    }

    private Replica Me => _site.Gateway.Service<Replica>();

    private ReplicaEntry Other => Me.View.State.Replicas.Single(r => r.Id != Me.Id);

    private Task<bool> UntilAsync(Func<RoutingState, bool> condition) =>
        Me.WaitForAsync(condition, TimeSpan.FromSeconds(30));

    /// <summary>Begins a rollout and sees to it that the other replica carries it out.</summary>
    private async Task BeginAtOtherAsync()
    {
        // Whoever has the lease when the rollout begins carries it out.
        var lease = _site.Gateway.Service<IamGateway.Rollouts.IRolloutLease>();
        Assert.True(await lease.TryHoldAsync(Other.Id));
        await _site.BeginAsync(Steps);
        await _site.UntilWaitingAsync("manual", 0);
        Assert.Equal(Other.Name, (await _site.CurrentAsync()).Text("executor"));
    }

    [Fact]
    public async Task Executor_KilledInTheMiddleOfAStep_IsReplacedWithinFiveSeconds()
    {
        await _site.LogInAsync(10);
        await BeginAtOtherAsync();
        var dead = Other;
        await _other.SignalAsync("KILL");
        var watch = Stopwatch.StartNew();

        await _site.UntilAsync(r => r.Text("executor") == Me.Name);

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        await _site.SayAsync("resume");
        await _site.UntilAsync(r => r.Text("waitingFor") == "replicas" && r.Text("message") == dead.Name);
        using var forgotten = await _site.Gateway.Admin.DeleteAsync($"/api/v1/replicas/{dead.Id}");
        Assert.True(forgotten.IsSuccessStatusCode);
        await _site.UntilStateAsync("draining");
        Assert.Equal(10, (await _site.UseAsync(1))["8.3.0"]);
        await _site.UntilStateAsync("completed");
        Assert.Empty(_site.Failures);
        Assert.All(_site.Instances, i => Assert.Equal(0, i.OlderVersionRequests));
    }

    [Fact]
    public async Task Executor_Stopped_GivesTheLeaseBack()
    {
        await BeginAtOtherAsync();
        await _other.SignalAsync("TERM");
        await _other.Process.WaitForExitAsync();

        await _site.UntilAsync(r => r.Text("executor") == Me.Name);
    }

    [Fact]
    public async Task Commands_ThroughEitherReplica_ShowTheSameRollout()
    {
        await BeginAtOtherAsync();
        using var response = await _otherAdmin.PostAsync("/api/v1/rollouts/current/pause", null);
        var there = await response.Content.ReadFromJsonAsync<JsonElement>();

        var transitions = there.GetProperty("transitions").GetArrayLength();
        Assert.True(await UntilAsync(s => s.Rollout?.Transitions.Length == transitions));
        var here = await _site.CurrentAsync();
        Assert.Equal(("paused", there.Text("id")), (here.Text("state"), here.Text("id")));
    }

    [Fact]
    public async Task Measurements_RequestsThroughTheOtherReplica_AreCounted()
    {
        await BeginAtOtherAsync();
        using var client = new HttpClient { BaseAddress = new Uri(_proxy) };
        for (var i = 0; i < 20; i++)
        {
            using var answer = await client.GetAsync("/login");
            Assert.True(answer.IsSuccessStatusCode, $"{answer}");
        }

        // How many of them go to the new version is chance.
        await _site.UntilAsync(r => Requests(r, "old") + Requests(r, "new") == 20);
    }

    private static int Requests(JsonElement rollout, string version) =>
        rollout.GetProperty("measurements").GetProperty(version).GetProperty("requests").GetInt32();

    [Fact]
    public async Task Begin_ReplicaThatIsStopped_IsNamed()
    {
        var silent = Other.Name;
        var reports = _site.Gateway.Service<IamGateway.Reports.ReplicaReports>();
        await _site.PassUntilAsync(() => reports.Silent.Count == 0);
        await _other.SignalAsync("STOP");
        await _site.PassUntilAsync(() => reports.Silent.Any(r => r.Name == silent));
        using var response = await _site.PostAsync("rollouts", RolloutSite.Order());

        var problem = await Problem.AssertAsync(response, 409, silent);
        Assert.Contains("forget what is dead", problem.Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_Emptied_TheRolloutIsPutBack()
    {
        await BeginAtOtherAsync();
        var before = await _site.CurrentAsync();

        await redis.CommandAsync("FLUSHALL");

        Assert.True(await UntilAsync(s => s.Earlier.Length > 0 && s.GenerationAcknowledged));
        var after = await _site.CurrentAsync();
        Assert.Equal((before.Text("id"), "progressing"), (after.Text("id"), after.Text("state")));
        await _site.SayAsync("resume");
        await _site.UntilStateAsync("completed");
    }
}
