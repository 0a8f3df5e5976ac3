using System.Text.Json;
using DemoIam;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>SIGTERM, as Docker and Kubernetes send it.</summary>
public sealed class ShutdownTests(RedisServer redis) : IClassFixture<RedisServer>, IAsyncLifetime
{
    private readonly string _proxy = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _admin = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _prefix = $"t{Guid.NewGuid():N}"[..12];
    private DemoIamInstance _iam = null!;

    public async ValueTask InitializeAsync() =>
        _iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "old" }, new MemorySessionState());

    public ValueTask DisposeAsync() => _iam.DisposeAsync();

    [Fact]
    public async Task SigTerm_RequestInFlight_FinishesBehindAnUnreadyGatewayThatThenEndsWithZero()
    {
        await using var process = await StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(_proxy) };
        var slow = client.GetAsync("/slow?ms=3000");
        await process.UntilAsync(() => Task.FromResult(_iam.Requests == 1));
        await process.SignalAsync("TERM");
        await process.UntilAsync(async () => await GatewayProcess.ReadyAsync(_admin) == 503);
        Assert.False(slow.IsCompleted);
        using var response = await slow;

        Assert.Equal(200, (int)response.StatusCode);
        await EndsAsync(process, 0);
    }

    [Fact]
    public async Task SigTerm_NothingInFlight_DeregistersTheReplica()
    {
        await using var other = await Gateway.StartAsync([_iam], Settings());
        await using var process = await StartAsync();
        Assert.Equal(2, (await ReplicasAsync(other, s => s.Replicas.Length == 2)).Length);
        await process.SignalAsync("TERM");
        await EndsAsync(process, 0);

        Assert.True(
            Assert.Single(await ReplicasAsync(other, s => s.Replicas.Length == 1)).GetProperty("self").GetBoolean());
        var events = JsonDocument.Parse(await other.Admin.GetStringAsync("/api/v1/events")).RootElement;
        Assert.Contains("replica.left", events.EnumerateArray().Select(e => e.Text("what")));
    }

    [Fact]
    public async Task SigTerm_RequestOutlivesShutdownTimeout_TheReplicaIsForgottenAndTheExitCodeIsZero()
    {
        await using var other = await Gateway.StartAsync([_iam], Settings());
        await using var process = await StartAsync(("IamGateway:ShutdownTimeout", "00:00:01"));
        using var client = new HttpClient { BaseAddress = new Uri(_proxy) };
        var endless = client.GetAsync("/slow?ms=60000");
        await process.UntilAsync(() => Task.FromResult(_iam.Requests == 1));
        await process.SignalAsync("TERM");
        await EndsAsync(process, 0);

        await Assert.ThrowsAsync<HttpRequestException>(() => endless);
        // The instance may still be at work on it: the registration counts until RequestTimeout, and then it is gone.
        var mine = other.Service<Replica>().Id;
        var left = (await ReplicasAsync(other, s => s.Replicas.All(r => r.Id == mine || r.Forgotten)))
            .Where(r => !r.GetProperty("self").GetBoolean());
        Assert.All(left, r => Assert.True(r.GetProperty("forgotten").GetBoolean()));
    }

    [Fact]
    public async Task SigTerm_RedisAway_StillEndsWithZero()
    {
        await using var own = new RedisServer();
        await own.InitializeAsync();
        await using var process = await StartAsync(("ConnectionStrings:Redis", own.ConnectionString));
        await own.KillAsync();
        await process.SignalAsync("TERM");

        await EndsAsync(process, 0);
    }

    /// <summary>Fault: requests that came on open connections after SIGTERM were refused.</summary>
    [Fact]
    public async Task Leaving_RequestOnAnOpenConnection_IsServedWhileReadinessIsFalse()
    {
        await using var gateway = await Gateway.StartAsync([_iam]);
        using var client = new HttpClient { BaseAddress = gateway.Proxy };
        await client.GetStringAsync("/login");
        gateway.Service<Replica>().IsLeaving = true;
        using var response = await client.GetAsync("/login");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(503, await GatewayProcess.ReadyAsync(gateway.AdminAddress.ToString()));
    }

    /// <summary>Fault: the gateway called itself ready before its proxy listener was open.</summary>
    [Fact]
    public async Task Start_ProxyListenerNotOpenYet_IsNotReady()
    {
        await using var process = GatewayProcess.Start(Gateway.Arguments([_iam], new Dictionary<string, string?>
        {
            ["Kestrel:Endpoints:Proxy:Url"] = _proxy,
            ["Kestrel:Endpoints:Admin:Url"] = _admin,
        }));
        await process.UntilReadyAsync(_admin);
        using var client = new HttpClient { BaseAddress = new Uri(_proxy) };
        using var response = await client.GetAsync("/login");

        Assert.Equal(200, (int)response.StatusCode);
    }

    [Fact]
    public async Task SigTerm_EventStreamOpen_DoesNotHoldTheEndUp()
    {
        await using var process = await StartAsync(("IamGateway:ShutdownTimeout", "00:01:00"));
        using var client = new HttpClient { BaseAddress = new Uri(_admin) };
        client.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        using var stream = await client.GetAsync("/api/v1/events/stream", HttpCompletionOption.ResponseHeadersRead);
        await process.SignalAsync("TERM");

        await EndsAsync(process, 0);
    }

    private Dictionary<string, string?> Settings() => new()
    {
        ["ConnectionStrings:Redis"] = redis.ConnectionString,
        ["IamGateway:Store:KeyPrefix"] = _prefix,
    };

    private async Task<ServerProcess> StartAsync(params (string Key, string? Value)[] more)
    {
        var settings = Settings();
        settings["Kestrel:Endpoints:Proxy:Url"] = _proxy;
        settings["Kestrel:Endpoints:Admin:Url"] = _admin;
        foreach (var (key, value) in more)
            settings[key] = value;
        var process = GatewayProcess.Start(Gateway.Arguments([_iam], settings));
        await process.UntilReadyAsync(_admin);
        return process;
    }

    private static async Task<JsonElement[]> ReplicasAsync(Gateway gateway, Func<RoutingState, bool> expected)
    {
        await gateway.Service<Replica>().WaitForAsync(expected, TimeSpan.FromSeconds(20));
        var list = JsonDocument.Parse(await gateway.Admin.GetStringAsync("/api/v1/replicas")).RootElement;
        return [.. list.EnumerateArray()];
    }

    private static async Task EndsAsync(ServerProcess process, int exitCode)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await process.Process.WaitForExitAsync(patience.Token);
        Assert.True(process.Process.ExitCode == exitCode, $"{process.Process.ExitCode}: {process.Output}");
        Assert.DoesNotContain("Unhandled exception", process.Output, StringComparison.Ordinal);
    }
}
