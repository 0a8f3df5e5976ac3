using System.Net.Http.Json;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Histories;

/// <summary>Two replicas, each with a network to Redis of its own, in front of a gated IAM of three versions.</summary>
internal sealed class TwoReplicas : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false });
    private readonly List<Backend> _instances = [];
    private readonly List<Gateway> _gateways = [];
    private readonly List<TcpProxy> _networks = [];

    public RedisServer Redis { get; } = new();

    public GatedIam Iam { get; } = new();

    public Gateway A => _gateways[0];

    public Gateway B => _gateways[1];

    public TcpProxy NetworkOfA => _networks[0];

    public TcpProxy NetworkOfB => _networks[1];

    public static async Task<TwoReplicas> StartAsync(
        ProtocolRule? disabled = null, params (string Key, string Value)[] options)
    {
        var site = new TwoReplicas();
        await site.Redis.InitializeAsync();
        foreach (var version in new[] { "8.2.1", "8.3.0", "8.4.0" })
            site._instances.Add(await site.Iam.StartAsync(version));
        for (var i = 0; i < 2; i++)
        {
            var network = new TcpProxy(site.Redis.Port);
            site._networks.Add(network);
            var settings = Backend.Settings([.. site._instances]);
            settings["ConnectionStrings:Redis"] = $"127.0.0.1:{network.Port}";
            settings["IamGateway:RequestTimeout"] = "00:00:30";
            settings["IamGateway:Migration:MaxWait"] = "00:00:00.300";
            settings["IamGateway:ShutdownTimeout"] = "00:00:01";
            settings["Logging:LogLevel:Default"] = "Critical";
            if (disabled is not null)
                settings["IamGateway:TestOnly:DisabledRules:0"] = disabled.ToString();
            foreach (var (key, value) in options)
                settings[$"IamGateway:{key}"] = value;
            site._gateways.Add(await Gateway.StartAsync([], settings));
        }

        return site;
    }

    /// <summary>Sends a request; the version that answered, or null if none did.</summary>
    public async Task<string?> SendAsync(
        Gateway gateway, string path, string? cookie = null, CancellationToken abort = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Proxy, path));
        if (cookie is not null)
            request.Headers.Add("Cookie", $"IAM_SESSION={cookie}");
        using var response = await _http.SendAsync(request, abort);
        return response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync(abort) : null;
    }

    /// <summary>Sends a request again and again while it is refused.</summary>
    public async Task<string> SendUntilAnsweredAsync(Gateway gateway, string path, string cookie)
    {
        for (var i = 0; i < 200; i++)
        {
            if (await SendAsync(gateway, path, cookie) is { } version)
                return version;
            await Task.Delay(50);
        }

        throw new InvalidOperationException($"{path} is refused for ever.");
    }

    /// <summary>Uses a session until its requests do not ask the store any more, as a lease of it is kept.</summary>
    public async Task StaysAsync(Gateway gateway, string cookie, string version)
    {
        for (var i = 0; i < 200; i++)
        {
            var claims = await ClaimsAsync(gateway);
            Assert.Equal(version, await SendAsync(gateway, "/", cookie));
            if (await ClaimsAsync(gateway) == claims)
                return;
            await Task.Delay(50);
        }

        throw new InvalidOperationException("No lease is kept.");
    }

    private static Task<double> ClaimsAsync(Gateway gateway) =>
        gateway.MetricAsync("iamgateway_store_duration_seconds_count{operation=\"claim\"}");

    /// <summary>Returns when the headers are there; the body goes on.</summary>
    public async Task<HttpResponseMessage> BeginAsync(Gateway gateway, string path, string? cookie = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Proxy, path));
        if (cookie is not null)
            request.Headers.Add("Cookie", $"IAM_SESSION={cookie}");
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>PUT /weights; false if it was refused.</summary>
    public static async Task<bool> WeighAsync(Gateway gateway, string older, string newer, int weight)
    {
        using var response = await gateway.Admin.PutAsJsonAsync(
            "/api/v1/weights", new
            {
                weights = new Dictionary<string,
                int>
                { [older] = 100 - weight, [newer] = weight }
            });
        return response.IsSuccessStatusCode;
    }

    /// <summary>Makes 8.3.0 active, and sends nobody there.</summary>
    public async Task ActivateAsync()
    {
        Assert.True(await WeighAsync(A, "8.2.1", "8.3.0", 1));
        Assert.True(await WeighAsync(A, "8.2.1", "8.3.0", 0));
    }

    /// <summary>Waits until one replica applies what the other does.</summary>
    public static async Task SeesAsync(Gateway gateway, Gateway other)
    {
        var sequence = other.Service<Replica>().View.State.Sequence;
        Assert.True(await gateway.Service<Replica>().WaitForAsync(s =>
            s.Sequence >= sequence, TimeSpan.FromMinutes(1)));
    }

    /// <summary>Waits until a replica has done what the state that it applies asks of it.</summary>
    public static async Task AcknowledgesAsync(Gateway gateway)
    {
        var replica = gateway.Service<Replica>();
        Assert.True(await replica.WaitForAsync(
            s => s.Replicas.Single(r => r.Id == replica.Id).Acknowledged >= s.Revision, TimeSpan.FromMinutes(1)));
    }

    /// <summary>Waits until no client is on a request any more and what that has queued is in the store.</summary>
    public static async Task SettleAsync(Gateway gateway)
    {
        while (gateway.Service<InFlight>().Snapshot().Any(r => r.Http is not null))
            await Task.Yield();
        await gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var network in _networks)
            network.Heal();
        foreach (var gateway in _gateways)
            await gateway.DisposeAsync();
        foreach (var network in _networks)
            await network.DisposeAsync();
        foreach (var instance in _instances)
            await instance.DisposeAsync();
        await Redis.DisposeAsync();
    }
}
