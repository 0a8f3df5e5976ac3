using System.Net;
using System.Text.Json;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Instances;

/// <summary>A whole gateway in front of instances that are not what they are said to be.</summary>
public sealed class InstanceTruthTests : IAsyncLifetime
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false });
    private readonly List<Backend> _backends = [];
    private Gateway? _gateway;

    private Gateway Site => _gateway!;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task ConfiguredBelief_OfAnInstanceThatSaysNothing_CarriesNoSession()
    {
        await StartAsync(Path, Iam("8.2.1"), await Backend.StartAsync("8.2.1", _ => Task.CompletedTask));

        for (var i = 0; i < 10; i++)
            Assert.Equal("a", await SendAsync("/"));

        var silent = await InstanceAsync("b");
        Assert.Equal("quarantined", silent.GetProperty("state").GetString());
        Assert.Contains("has no field version", silent.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrongConfiguration_TheReportedVersionCounts()
    {
        await StartAsync(Path, Iam("8.2.1"), Iam("8.3.0", configured: "8.2.1"));

        for (var i = 0; i < 10; i++)
            Assert.Equal("a", await SendAsync("/"));

        Assert.Equal("8.3.0", (await InstanceAsync("b")).GetProperty("version").GetString());
        Assert.Equal(1, await Site.MetricAsync("iamgateway_instance_version_mismatch_total{instance=\"b\"}"));
        await UntilAsync(async () =>
            (await EventsAsync()).Contains("instance.version b 8.3.0", StringComparison.Ordinal));
        var known = Site.Service<Replica>().View.State.Find(VersionId.Parse("8.3.0"))!;
        Assert.Equal(VersionStatus.Registered, known.Status);
    }

    [Fact]
    public async Task InstanceThatContradictsItself_GetsNoSession()
    {
        await StartAsync(Path, Iam("8.2.1"), Iam("8.2.1", header: "8.1.0"));

        for (var i = 0; i < 10; i++)
            Assert.Equal("a", await SendAsync("/"));

        Assert.Contains(
            "8.1.0 in header X-IAM-Version", (await InstanceAsync("b")).GetProperty("reason").GetString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task InstanceThatAcceptsAndNeverAnswers_GetsNothingAndFailsNoRequest()
    {
        var isSilent = false;
        await StartAsync(Path, Iam("8.2.1"), Iam("8.2.1", also: http =>
            Volatile.Read(ref isSilent) ? Task.Delay(Timeout.Infinite, http.RequestAborted) : Task.CompletedTask));
        Volatile.Write(ref isSilent, true);

        for (var i = 0; i < 10; i++)
            Assert.Equal("a", await SendAsync("/"));
    }

    [Fact]
    public async Task Response_FromAHigherActiveVersion_RaisesThePinBeforeItLeaves()
    {
        // Its connections were proven; what answers behind them is another version all the same.
        var version = "8.2.1";
        await StartAsync(Header, Iam("8.2.1", says: () => version), Iam("8.3.0"));
        await Site.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        await Site.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await Site.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        Assert.Equal("a", await SendAsync("/login?sid=one", "new"));
        version = "8.3.0";

        await SendAsync("/", "one");

        Assert.Equal("8.3.0", await PinAsync("one"));
        Assert.Equal(1, await Site.MetricAsync("iamgateway_pin_repairs_total{source=\"response\"}"));
        Assert.Equal(0, await Site.MetricAsync("iamgateway_violations_total"));
    }

    [Fact]
    public async Task Response_FromAVersionNobodyKnew_ActivatesItAndRaisesThePin()
    {
        var version = "8.2.1";
        await StartAsync(Header, Iam("8.2.1", says: () => version));
        Assert.Equal("a", await SendAsync("/login?sid=one", "new"));
        version = "8.4.0";

        await SendAsync("/", "one");

        await UntilAsync(async () => await PinAsync("one") == "8.4.0");
        var state = Site.Service<Replica>().View.State;
        Assert.Equal(("8.4.0", 0), (state.Newest.Version.ToString(), state.Newest.Weight));
        // The instance was asked again and is what it said, so the session is served there.
        await UntilAsync(async () => await SendAsync("/", "one") == "a");
    }

    [Fact]
    public async Task Response_FromALowerVersion_IsAViolationAndTakesTheInstanceOut()
    {
        var version = "8.2.1";
        await StartAsync(Header, Iam("8.2.1", says: () => version), Iam("8.2.1"));
        version = "8.1.0";

        for (var i = 0; i < 20; i++)
            await SendAsync("/", "one");

        Assert.Equal(1, await Site.MetricAsync("iamgateway_violations_total"));
        await UntilAsync(async () =>
            (await InstanceAsync("a")).GetProperty("reportedVersion").GetString() == "8.1.0");
    }

    [Fact]
    public async Task Fingerprint_ChangedAfterAnOutage_HoldsTheInstanceUntilItsVersionIsNamed()
    {
        await StartAsync(Page, Iam("8.2.1"), Iam("8.2.1"));
        var port = _backends[1].Address.Port;
        await _backends[1].DisposeAsync();
        _backends[1] = await Iam("8.3.0", port: port);

        for (var i = 0; i < 10; i++)
            Assert.Equal("a", await SendAsync("/"));
        await UntilAsync(async () => (await InstanceAsync("b")).GetProperty("state").GetString() == "quarantined");
        Assert.Contains(
            "name its version", (await InstanceAsync("b")).GetProperty("reason").GetString(), StringComparison.Ordinal);

        using var body = new StringContent(
            $$"""{"address":"{{_backends[1].Address}}","version":"8.3.0"}""", null, "application/json");
        using var named = await Site.Admin.PutAsync("/api/v1/instances/b", body);
        Assert.Equal(HttpStatusCode.OK, named.StatusCode);

        await UntilAsync(async () => (await InstanceAsync("b")).GetProperty("state").GetString() == "active");
        await Site.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        Assert.Equal("b", await SendAsync("/"));
    }

    private static Dictionary<string, string?> Path => new()
    {
        ["IamGateway:Versions:Discovery:Path"] = "/health",
        ["IamGateway:Versions:Discovery:JsonField"] = "version",
        ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
        ["IamGateway:Versions:Discovery:Interval"] = "00:00:00.100",
        ["IamGateway:Versions:Discovery:Timeout"] = "00:00:00.500",
    };

    private static Dictionary<string, string?> Header => new()
    {
        ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
        ["IamGateway:Versions:Discovery:Interval"] = "00:00:00.100",
    };

    private static Dictionary<string, string?> Page => new()
    {
        ["IamGateway:Versions:Discovery:Fingerprint:Path"] = "/login",
        ["IamGateway:Versions:Discovery:Fingerprint:Pattern"] = "app-[0-9.]+",
        ["IamGateway:Versions:Discovery:Interval"] = "00:00:00.100",
    };

    /// <summary>An instance that tells its version everywhere; every response says which one it is.</summary>
    private static Task<Backend> Iam(
        string version, string? configured = null, string? header = null, Func<string>? says = null,
        RequestDelegate? also = null, int port = 0) => Backend.StartAsync(
            configured ?? version,
            async http =>
            {
                http.Response.Headers["X-IAM-Version"] = header ?? says?.Invoke() ?? version;
                if (also is not null)
                    await also(http);
                if (http.Request.Path == "/health")
                    await http.Response.WriteAsJsonAsync(new { version });
                else if (http.Request.Path == "/login" && http.Request.Query["sid"] is [{ } sid])
                    http.Response.Headers.SetCookie = $"IAM_SESSION={sid}; Path=/";
                else if (http.Request.Path == "/login")
                    await http.Response.WriteAsync($"{Guid.NewGuid()} app-{version}.js");
            },
            port);

    private async Task StartAsync(Dictionary<string, string?> settings, params object[] backends)
    {
        foreach (var backend in backends)
            _backends.Add(backend as Backend ?? await (Task<Backend>)backend);
        foreach (var (key, value) in Backend.Settings([.. _backends]))
            settings[key] = value;
        settings["Logging:LogLevel:Default"] = "Critical";
        settings["Logging:LogLevel:Yarp"] = "Critical";
        _gateway = await Gateway.StartAsync([], settings);
    }

    /// <summary>Sends a request that must be answered 200, and says which instance answered it.</summary>
    private async Task<string> SendAsync(string path, string? session = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Site.Proxy, path));
        if (session is not null && session != "new")
            request.Headers.Add("Cookie", $"IAM_SESSION={session}");
        var before = await CountsAsync();
        using var response = await _http.SendAsync(request);
        if (response.StatusCode != HttpStatusCode.OK)
            return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
        var after = await CountsAsync();
        return after.Keys.Single(k => after[k] != before.GetValueOrDefault(k));
    }

    private async Task<Dictionary<string, double>> CountsAsync()
    {
        var counts = new Dictionary<string, double>();
        foreach (var line in (await Site.Admin.GetStringAsync("/metrics")).Split('\n')
            .Where(l => l.StartsWith("iamgateway_requests_total{", StringComparison.Ordinal)))
        {
            var instance = line.Split("instance=\"")[1].Split('"')[0];
            counts[instance] = counts.GetValueOrDefault(instance)
                + double.Parse(line.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
        }

        return counts;
    }

    private async Task<JsonElement> InstanceAsync(string id)
    {
        var all = JsonDocument.Parse(await Site.Admin.GetStringAsync("/api/v1/instances"));
        return all.RootElement.EnumerateArray().First(i => i.GetProperty("id").GetString() == id);
    }

    private async Task<string> EventsAsync()
    {
        var all = JsonDocument.Parse(await Site.Admin.GetStringAsync("/api/v1/events"));
        return string.Join('\n', all.RootElement.EnumerateArray()
            .Select(e => $"{e.GetProperty("what").GetString()} {e.GetProperty("to").GetString()}"));
    }

    private async Task<string?> PinAsync(string handle)
    {
        using var body = new StringContent($$"""{"handle":"{{handle}}"}""", null, "application/json");
        using var found = await Site.Admin.PostAsync("/api/v1/sessions/lookup", body);
        return found.IsSuccessStatusCode
            ? JsonDocument.Parse(await found.Content.ReadAsStringAsync()).RootElement.GetProperty("version").GetString()
            : null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        foreach (var backend in _backends)
            await backend.DisposeAsync();
        _http.Dispose();
    }
}
