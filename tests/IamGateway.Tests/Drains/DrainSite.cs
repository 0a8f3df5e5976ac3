using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Drains;

/// <summary>
/// Two replicas on one Redis, in front of instances a and b of 8.2.1 and c and d of 8.3.0, of which the first in the
/// alphabet is taken. Instances answer with their names. The query says what a request does: <c>set</c> hands out that
/// session, <c>gate</c> makes it wait for <see cref="Open"/>.
/// </summary>
internal sealed class DrainSite : IAsyncDisposable
{
    private readonly RedisServer _redis = new();
    private readonly List<Backend> _instances = [];
    private readonly List<Gateway> _gateways = [];
    private readonly ConcurrentDictionary<string, Gate> _gates = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false });

    public Gateway A => _gateways[0];

    public Gateway B => _gateways[1];

    public static async Task<DrainSite> StartAsync(params (string Key, string? Value)[] settings)
    {
        var site = new DrainSite();
        await site._redis.InitializeAsync();
        foreach (var (name, version) in (ValueTuple<string, string>[])
            [("a", "8.2.1"), ("b", "8.2.1"), ("c", "8.3.0"), ("d", "8.3.0")])
            site._instances.Add(await Backend.StartAsync(version, http => site.HandleAsync(http, name)));
        var all = Backend.Settings([.. site._instances]);
        all["ConnectionStrings:Redis"] = site._redis.ConnectionString;
        all["IamGateway:RequestTimeout"] = "00:01:00";
        all["IamGateway:Migration:MaxWait"] = "00:00:30";
        all["IamGateway:ShutdownTimeout"] = "00:00:01";
        all["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "FirstAlphabetical";
        foreach (var (key, value) in settings)
            all[key] = value;
        for (var i = 0; i < 2; i++)
            site._gateways.Add(await Gateway.StartAsync([], all));
        return site;
    }

    private async Task HandleAsync(HttpContext http, string name)
    {
        if (http.WebSockets.IsWebSocketRequest)
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync();
            var message = await socket.ReceiveAsync(new byte[64], CancellationToken.None);
            if (message.MessageType == WebSocketMessageType.Close)
                await socket.CloseOutputAsync(socket.CloseStatus ?? default, null, CancellationToken.None);
            return;
        }

        if (http.Request.Query["set"] is [{ } session])
            http.Response.Headers.Append("Set-Cookie", $"IAM_SESSION={session}; Path=/");
        if (http.Request.Query["gate"] is [{ } gate])
        {
            GateOf(gate).Begun.TrySetResult(name);
            await GateOf(gate).Opened.Task;
        }

        await http.Response.WriteAsync(name, CancellationToken.None);
    }

    private Gate GateOf(string name) => _gates.GetOrAdd(name, _ => new Gate(
        new(TaskCreationOptions.RunContinuationsAsynchronously),
        new(TaskCreationOptions.RunContinuationsAsynchronously)));

    /// <summary>Completes with the instance that the request of this gate is at work on.</summary>
    public Task<string> BegunAsync(string gate) => GateOf(gate).Begun.Task;

    public bool HasBegun(string gate) => GateOf(gate).Begun.Task.IsCompleted;

    public void Open(string gate) => GateOf(gate).Opened.TrySetResult();

    /// <summary>Sends a request that must be answered with 200; the instance that did.</summary>
    public async Task<string> GetAsync(Gateway gateway, string path, string? session = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Proxy, path));
        if (session is not null)
            request.Headers.Add("Cookie", $"IAM_SESSION={session}");
        using var response = await _http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path} of {session}: {(int)response.StatusCode} {body}");
        return body;
    }

    public static async Task<ClientWebSocket> ConnectAsync(Gateway gateway)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(gateway.Proxy) { Scheme = "ws" }.Uri, CancellationToken.None);
        return socket;
    }

    /// <summary>POST to an instance's call; status and body.</summary>
    public static async Task<(int Status, JsonElement Body)> PostAsync(
        Gateway gateway, string call, CancellationToken cancellation = default)
    {
        using var response = await gateway.Admin.PostAsync($"/api/v1/instances/{call}", null, cancellation);
        return (
            (int)response.StatusCode,
            JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellation)).RootElement);
    }

    public static async Task<JsonElement> InstanceAsync(Gateway gateway, string id) =>
        JsonDocument.Parse(await gateway.Admin.GetStringAsync("/api/v1/instances")).RootElement.One("id", id);

    /// <summary>What a drain of the instance says, once it says what is expected.</summary>
    public static async Task<JsonElement> UntilAsync(
        Gateway gateway, string id, Func<JsonElement, bool> isExpected)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var instance = await InstanceAsync(gateway, id);
            if (isExpected(instance))
                return instance;
            Assert.False(patience.IsCancellationRequested, instance.ToString());
            await Task.Delay(20, CancellationToken.None);
        }
    }

    public static Task<double> StateMetricAsync(Gateway gateway, string id, string state) => gateway.MetricAsync(
        $"iamgateway_instance_state{{instance=\"{id}\",version=\"8.2.1\",state=\"{state}\"}}");

    /// <summary>Makes 8.3.0 active; sessions stay where they are.</summary>
    public async Task ActivateAsync()
    {
        await A.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await A.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
    }

    /// <summary>Waits until both apply the same.</summary>
    public async Task AgreeAsync()
    {
        var revision = Math.Max(
            A.Service<Replica>().View.State.Revision, B.Service<Replica>().View.State.Revision);
        foreach (var gateway in _gateways)
        {
            Assert.True(await gateway.Service<Replica>().WaitForAsync(
                s => s.Revision >= revision, TimeSpan.FromMinutes(1)));
        }
    }

    public Task StopInstanceAsync(string name) => _instances[name[0] - 'a'].DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        foreach (var gate in _gates.Keys)
            Open(gate);
        _http.Dispose();
        foreach (var gateway in _gateways)
            await gateway.DisposeAsync();
        foreach (var instance in _instances)
            await instance.DisposeAsync();
        await _redis.DisposeAsync();
    }

    private sealed record Gate(TaskCompletionSource<string> Begun, TaskCompletionSource Opened);
}
