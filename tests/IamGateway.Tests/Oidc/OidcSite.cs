using System.Net;
using System.Net.Http.Json;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using StackExchange.Redis;

namespace IamGateway.Tests.Oidc;

/// <summary>
/// Two instances of the provider in each of two versions on one Redis, behind two gateway replicas: one in this
/// process, the other a process that can be killed.
/// </summary>
internal sealed class OidcSite(OidcKind kind, IReadOnlyDictionary<string, string?> rules) : IAsyncDisposable
{
    private const string Prefix = "op:";
    private readonly RedisServer _redis = new();
    private readonly List<IOidcProvider> _providers = [];
    private readonly string _proxy = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _admin = $"http://127.0.0.1:{Ports.Next()}";
    private readonly HttpMessageInvoker _http = new(
        new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
    private Gateway? _gateway;
    private ServerProcess? _other;
    private volatile OidcReplica[] _replicas = [];

    public OidcCount Count { get; } = new();

    public Gateway Gateway => _gateway!;

    public static async Task<OidcSite> StartAsync(OidcKind kind, IReadOnlyDictionary<string, string?> rules)
    {
        var site = new OidcSite(kind, rules);
        try
        {
            await site.StartAsync();
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    private async Task StartAsync()
    {
        await _redis.InitializeAsync();
        string[] versions = [OidcKind.Older, OidcKind.Older, OidcKind.Newer, OidcKind.Newer];
        foreach (var version in versions)
            _providers.Add(await kind.StartAsync(version, _redis.Port, Prefix));
        _gateway = await Gateway.StartAsync([], Settings());
        await StartOtherAsync();
    }

    /// <summary>Starts the other replica, in the place of the one that was killed if there was one.</summary>
    public async Task StartOtherAsync()
    {
        var settings = Settings();
        settings["Kestrel:Endpoints:Proxy:Url"] = _proxy;
        settings["Kestrel:Endpoints:Admin:Url"] = _admin;
        _other = GatewayProcess.Start(Gateway.Arguments([], settings));
        await _other.UntilReadyAsync(_admin);
        _replicas = [new OidcReplica(Gateway.Proxy), new OidcReplica(new Uri(_proxy))];
    }

    /// <summary>Ends the other replica as kill -9 does, whatever it is at.</summary>
    public async Task KillOtherAsync()
    {
        _replicas[1].IsKilled = true;
        await _other!.DisposeAsync();
        _replicas[1].IsGone = true;
    }

    /// <summary>
    /// Users who do their rounds one after the other, each at its own pace: so many at least, and on until there are
    /// enough.
    /// </summary>
    public Task UseAsync(int users, int rounds, int seed, Task enough) =>
        Task.WhenAll(Enumerable.Range(0, users).Select(async i =>
        {
            var user = kind.User(new OidcUserArguments(_http, () => _replicas, Count, $"user-{i}", seed + i));
            for (var round = 0; round < rounds || !enough.IsCompleted; round++)
            {
                await user.RoundAsync();
                Count.Round();
            }
        }));

    /// <summary>
    /// Shifts the weight; each replica applies it when it sees it. That all have is not known while one that was killed
    /// is still registered.
    /// </summary>
    public async Task WeighAsync(int newer)
    {
        var weights = new Dictionary<string, int> { [OidcKind.Older] = 100 - newer, [OidcKind.Newer] = newer };
        using var response = await Gateway.Admin.PutAsJsonAsync("/api/v1/weights", new { weights });
        Assert.True(
            response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted,
            await response.Content.ReadAsStringAsync());
    }

    public async Task<OidcHistory> HistoryAsync()
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(_redis.ConnectionString);
        var entries = await redis.GetDatabase().ListRangeAsync(Prefix + "history");
        return new OidcHistory(entries.Select(e => e.ToString()));
    }

    /// <summary>Of the instances together: requests, server errors and records that could not be read.</summary>
    public async Task<(int Requests, int ServerErrors, int Unreadable)> ProvidersAsync()
    {
        var all = await Task.WhenAll(_providers.Select(p => p.HealthAsync()));
        return (all.Sum(h => h.Requests), all.Sum(h => h.ServerErrors), all.Sum(h => h.Unreadable));
    }

    private Dictionary<string, string?> Settings()
    {
        var settings = new Dictionary<string, string?>(rules)
        {
            ["ConnectionStrings:Redis"] = _redis.ConnectionString,
            ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
            // What a killed replica may still have at an instance is over after this.
            ["IamGateway:RequestTimeout"] = "00:00:05",
            // Who needs a session that the killed replica has at work waits for that, and is not refused.
            ["IamGateway:Migration:MaxWait"] = "00:00:30",
            ["IamGateway:ShutdownTimeout"] = "00:00:01",
        };
        for (var i = 0; i < _providers.Count; i++)
        {
            var destination = $"ReverseProxy:Clusters:iam:Destinations:{(char)('a' + i)}";
            settings[$"{destination}:Address"] = _providers[i].Address.ToString();
            settings[$"{destination}:Metadata:Version"] = _providers[i].Version;
        }

        return settings;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_other is not null)
            await _other.DisposeAsync();
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        foreach (var provider in _providers)
            await provider.DisposeAsync();
        await _redis.DisposeAsync();
    }
}
