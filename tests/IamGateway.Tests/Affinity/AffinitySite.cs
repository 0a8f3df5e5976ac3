using System.Text.Json;
using DemoIam;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Affinity;

/// <summary>
/// Two replicas, each with a network to Redis of its own, in front of an IAM whose instances have their sessions in
/// their own memory: a and b of 8.2.1, c and d of 8.3.0.
/// </summary>
internal sealed class AffinitySite : IAsyncDisposable
{
    private readonly List<DemoIamInstance> _instances = [];
    private readonly List<Gateway> _gateways = [];
    private readonly List<TcpProxy> _networks = [];
    private readonly List<AffinityUser> _strays = [];

    public RedisServer Redis { get; } = new();

    public Gateway A => _gateways[0];

    public Gateway B => _gateways[1];

    public TcpProxy NetworkOfA => _networks[0];

    public TcpProxy NetworkOfB => _networks[1];

    public IReadOnlyList<DemoIamInstance> Instances => _instances;

    public HttpMessageInvoker Http { get; } = new(
        new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    public static async Task<AffinitySite> StartAsync(params (string Key, string? Value)[] settings)
    {
        var site = new AffinitySite();
        await site.Redis.InitializeAsync();
        foreach (var (name, version) in (ValueTuple<string, string>[])
            [("a", "8.2.1"), ("b", "8.2.1"), ("c", "8.3.0"), ("d", "8.3.0")])
            site._instances.Add(await DemoIamInstance.StartAsync(
                new DemoIamOptions { Version = version, Name = name }, new MemorySessionState()));
        for (var i = 0; i < 2; i++)
        {
            var network = new TcpProxy(site.Redis.Port);
            site._networks.Add(network);
            var all = new Dictionary<string, string?>
            {
                ["ConnectionStrings:Redis"] = $"127.0.0.1:{network.Port}",
                ["IamGateway:Affinity"] = "Instance",
                ["IamGateway:Drain:CloseWithin"] = "00:00:00",
                ["IamGateway:ShutdownTimeout"] = "00:00:01",
            };
            foreach (var (key, value) in settings)
                all[key] = value;
            site._gateways.Add(await Gateway.StartAsync(site._instances, all));
        }

        return site;
    }

    public AffinityUser User(string name, string? cookie = null) => new(this, name, cookie);

    /// <summary>Users that came to another instance than was asked for, still logged in.</summary>
    public IReadOnlyList<AffinityUser> Strays => _strays;

    /// <summary>A user, logged in on this instance.</summary>
    public async Task<AffinityUser> UserOnAsync(string instance)
    {
        for (var i = 0; i < 200; i++)
        {
            var user = User($"user-{i}");
            await user.LogInAsync(A);
            if (await user.WhereAsync(A) == instance)
                return user;
            _strays.Add(user);
        }

        throw new InvalidOperationException($"Nobody comes to {instance}.");
    }

    public async Task ActivateAsync()
    {
        await A.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await A.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        await AgreeAsync();
    }

    public static async Task<(int Status, JsonElement Body)> PostAsync(Gateway gateway, string call)
    {
        using var response = await gateway.Admin.PostAsync($"/api/v1/{call}", null);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }

    public static async Task<JsonElement> InstanceAsync(Gateway gateway, string id) =>
        JsonDocument.Parse(await gateway.Admin.GetStringAsync("/api/v1/instances")).RootElement.One("id", id);

    public async Task DrainAsync(string instance)
    {
        Assert.Equal(200, (await PostAsync(A, $"instances/{instance}/drain")).Status);
        await AgreeAsync();
    }

    /// <summary>Waits until both replicas apply the same and what they have queued is in the store.</summary>
    public async Task AgreeAsync()
    {
        var revision = _gateways.Max(g => g.Service<Replica>().View.State.Revision);
        foreach (var gateway in _gateways)
        {
            Assert.True(await gateway.Service<Replica>().WaitForAsync(
                s => s.Revision >= revision, TimeSpan.FromMinutes(1)));
            await gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
        }
    }

    public DemoIamInstance Instance(string name) => _instances.Single(i => i.Name == name);

    public async ValueTask DisposeAsync()
    {
        foreach (var network in _networks)
            network.Heal();
        foreach (var gateway in _gateways)
            await gateway.DisposeAsync();
        foreach (var network in _networks)
            await network.DisposeAsync();
        foreach (var instance in _instances)
            await instance.DisposeAsync();
        Http.Dispose();
        await Redis.DisposeAsync();
    }
}
