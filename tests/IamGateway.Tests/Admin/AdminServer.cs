using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Admin;

/// <summary>
/// A gateway with one key for each role, in front of one instance of 8.2.1 ("old") and one of 8.3.0 ("new"). Only
/// 8.2.1 is active.
/// </summary>
public sealed class AdminServer : IAsyncLifetime
{
    public const string ViewerKey = "key-of-the-viewer";
    public const string OperatorKey = "key-of-the-operator";
    private readonly List<DemoIamInstance> _instances = [];

    internal Gateway Gateway { get; private set; } = null!;

    internal TimeProvider? Time { get; init; }

    /// <summary>What the fixture sets beside the defaults, before it starts.</summary>
    internal Dictionary<string, string?> Settings { get; } = new()
    {
        ["IamGateway:Admin:ApiKeys:1:Name"] = "test-viewer",
        ["IamGateway:Admin:ApiKeys:1:Role"] = "viewer",
        ["IamGateway:Admin:ApiKeys:1:Sha256"] = Sha256(ViewerKey),
        ["IamGateway:Admin:ApiKeys:2:Name"] = "test-operator",
        ["IamGateway:Admin:ApiKeys:2:Role"] = "operator",
        ["IamGateway:Admin:ApiKeys:2:Sha256"] = Sha256(OperatorKey),
    };

    internal static string Sha256(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>The key of a role; null for none.</summary>
    internal static string? KeyOf(string role) => role switch
    {
        "none" => null,
        "wrong" => "key-of-nobody",
        "viewer" => ViewerKey,
        "operator" => OperatorKey,
        _ => Gateway.Key,
    };

    internal static async Task<AdminServer> StartAsync(params (string Key, string? Value)[] settings)
    {
        var server = new AdminServer();
        foreach (var (key, value) in settings)
            server.Settings[key] = value;
        await server.InitializeAsync();
        return server;
    }

    public async ValueTask InitializeAsync()
    {
        var state = new MemorySessionState();
        _instances.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1", Name = "old" }, state));
        _instances.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0", Name = "new" }, state));
        Gateway = await Gateway.StartAsync(_instances, Settings, Time);
    }

    internal Uri AddressOf(string instance) => _instances.Single(i => i.Name == instance).Address;

    /// <summary>Sends one request with the key of a role; a body is sent as JSON, whatever it holds.</summary>
    internal async Task<HttpResponseMessage> SendAsync(
        string method, string path, string? body = null, string role = "admin", string mediaType = "application/json",
        string? ifMatch = null)
    {
        using var client = new HttpClient { BaseAddress = Gateway.AdminAddress };
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (KeyOf(role) is { } key)
            request.Headers.Add("X-Api-Key", key);
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, mediaType);
        return await client.SendAsync(request);
    }

    internal Task<JsonElement> GetAsync(string path) => OkAsync("GET", path);

    /// <summary>The JSON of a request that must answer with this status.</summary>
    internal async Task<JsonElement> OkAsync(
        string method, string path, string? body = null, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var response = await SendAsync(method, path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{(int)response.StatusCode} {text}");
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>Logs a user in through the proxy and returns the value of the session cookie.</summary>
    internal async Task<string> LogInAsync()
    {
        var cookies = new CookieContainer();
        using var handler = new HttpClientHandler { CookieContainer = cookies };
        using var client = new HttpClient(handler) { BaseAddress = Gateway.Proxy };
        await client.GetStringAsync("/login");
        using var form = new FormUrlEncodedContent([new("username", "ann"), new("password", "demo")]);
        using var login = await client.PostAsync("/login", form);
        login.EnsureSuccessStatusCode();
        return cookies.GetCookies(Gateway.Proxy)["IAM_SESSION"]!.Value;
    }

    /// <summary>Everything that a refused request must leave as it was.</summary>
    internal async Task<string> StateAsync()
    {
        var status = await GetAsync("/api/v1/status");
        return string.Join(
            '\n', status.GetProperty("revision"), status.GetProperty("phase"), await GetAsync("/api/v1/weights"),
            await GetAsync("/api/v1/versions"), await GetAsync("/api/v1/instances"),
            await GetAsync("/api/v1/replicas"));
    }

    public async ValueTask DisposeAsync()
    {
        if (Gateway is not null)
            await Gateway.DisposeAsync();
        foreach (var instance in _instances)
            await instance.DisposeAsync();
    }
}
