using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using IamGateway.Instances;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Configuration;

/// <summary>The configuration file is edited while the gateway runs.</summary>
public sealed class ReloadTests : IAsyncLifetime
{
    private readonly ConfigFile _config = new();
    private readonly JsonObject _destinations = [];
    private readonly JsonObject _cluster;
    private readonly JsonObject _file;
    private Backend _one = null!;
    private Backend _two = null!;
    private Backend _newer = null!;
    private Gateway _gateway = null!;

    public ReloadTests()
    {
        _cluster = new JsonObject
        {
            ["LoadBalancingPolicy"] = "RoundRobin",
            ["Destinations"] = _destinations,
        };
        _file = new JsonObject
        {
            ["ReverseProxy"] = new JsonObject { ["Clusters"] = new JsonObject { ["iam"] = _cluster } },
        };
    }

    public async ValueTask InitializeAsync()
    {
        _one = await Backend.StartAsync("8.2.1", http => AnswerAsync(http, "one"));
        _two = await Backend.StartAsync("8.2.1", http => AnswerAsync(http, "two"));
        _newer = await Backend.StartAsync("8.3.0", http => AnswerAsync(http, "newer"));
        Set("one", _one);
        _config.Write(_file.ToJsonString());
        _gateway = await Gateway.StartAsync([], new Dictionary<string, string?>
        {
            ["config"] = _config.Path,
            ["IamGateway:Drain:CloseWithin"] = "00:00:00",
        });
    }

    private static async Task AnswerAsync(HttpContext http, string name)
    {
        if (http.WebSockets.IsWebSocketRequest)
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync();
            await socket.ReceiveAsync(new byte[10], CancellationToken.None);
            return;
        }

        await http.Response.WriteAsync($"{name} {http.Connection.Id}");
    }

    [Fact]
    public async Task Edit_AnotherInstance_GetsTrafficAndConnectionsToTheFirstStayOpen()
    {
        using var client = new HttpClient { BaseAddress = _gateway.Proxy };
        var before = await client.GetStringAsync("/");
        Set("two", _two);

        await EditAsync("applied", 1);

        string[] answers = [await client.GetStringAsync("/"), await client.GetStringAsync("/")];
        Assert.Contains(before, answers);
        Assert.Contains(answers, a => a.StartsWith("two", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Edit_InstanceTakenOut_GetsNothingAnyMoreAndItsWebSocketIsClosed()
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(_gateway.Proxy) { Scheme = "ws" }.Uri, CancellationToken.None);
        _destinations.Clear();
        Set("two", _two);

        await EditAsync("applied", 1);

        var end = await socket.ReceiveAsync(new byte[10], CancellationToken.None);
        Assert.Equal((WebSocketMessageType.Close, 1012), (end.MessageType, (int?)end.CloseStatus));
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        using var client = new HttpClient { BaseAddress = _gateway.Proxy };
        for (var i = 0; i < 4; i++)
            Assert.StartsWith("two", await client.GetStringAsync("/"), StringComparison.Ordinal);
        Assert.Equal(["two"], _gateway.Service<InstanceTable>().All.Select(i => i.Id));
    }

    [Fact]
    public async Task Edit_InstanceOfANewVersion_TheVersionIsRegisteredAndCanBeActivated()
    {
        Set("newer", _newer);

        await EditAsync("applied", 1);

        await UntilAsync(async () => await StateAsync("8.3.0") == "registered");
        await _gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        using var client = new HttpClient { BaseAddress = _gateway.Proxy };
        Assert.StartsWith("newer", await client.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Edit_AnotherVersionForAnInstance_IsBelieved()
    {
        Set("two", _two);
        await EditAsync("applied", 1);
        _destinations["two"]!["Metadata"]!["Version"] = "8.3.0";

        await EditAsync("applied", 2);

        Assert.Equal(VersionId.Parse("8.3.0"), _gateway.Service<InstanceTable>().Find("two")!.Version);
    }

    public static TheoryData<string> Mistakes => ["json", "address", "version", "policy", "key", "twin", "gone"];

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task Edit_Mistake_ChangesNothingUntilItIsCorrected(string mistake)
    {
        Set("two", _two);
        switch (mistake)
        {
            case "address":
                _destinations["two"]!["Address"] = "10.0.0.1:8080";
                break;
            case "version":
                _destinations["two"]!["Metadata"]!["Version"] = "8.2";
                break;
            case "policy":
                _cluster["LoadBalancingPolicy"] = "Unknown";
                break;
            case "key":
                _file["IamGateway"] = new JsonObject { ["Unknown"] = 1 };
                break;
            case "twin":
                _destinations["two"]!["Address"] = _one.Address.ToString();
                break;
        }

        if (mistake == "gone")
            File.Delete(_config.Path);
        else
            _config.Write(mistake == "json" ? _file.ToJsonString()[..^5] : _file.ToJsonString());
        await UntilAsync(async () => await ReloadsAsync("rejected") >= 1);

        Assert.Equal(["one"], _gateway.Service<InstanceTable>().All.Select(i => i.Id));
        using var client = new HttpClient { BaseAddress = _gateway.Proxy };
        Assert.StartsWith("one", await client.GetStringAsync("/"), StringComparison.Ordinal);
        Assert.Equal(0, await ReloadsAsync("applied"));

        Set("two", _two);
        _cluster["LoadBalancingPolicy"] = "RoundRobin";
        _file.Remove("IamGateway");
        await EditAsync("applied", 1);
        Assert.Equal(["one", "two"], _gateway.Service<InstanceTable>().All.Select(i => i.Id).Order());
    }

    private void Set(string id, Backend backend) => _destinations[id] = new JsonObject
    {
        ["Address"] = backend.Address.ToString(),
        ["Metadata"] = new JsonObject { ["Version"] = backend.Version },
    };

    private async Task<int> StatusAsync(string key)
    {
        using var client = new HttpClient { BaseAddress = _gateway.AdminAddress };
        client.DefaultRequestHeaders.Add("X-Api-Key", key);
        using var answer = await client.GetAsync("/api/v1/status");
        return (int)answer.StatusCode;
    }

    [Fact]
    public async Task Edit_ApiKeyAddedAndTakenOut_CountsAtOnce()
    {
        _file["IamGateway"] = new JsonObject
        {
            ["Admin"] = new JsonObject
            {
                ["ApiKeys"] = new JsonObject
                {
                    ["1"] = new JsonObject
                    {
                        ["Name"] = "night",
                        ["Role"] = "viewer",
                        ["Sha256"] = Convert.ToHexStringLower(SHA256.HashData("night key"u8)),
                    },
                },
            },
        };
        Assert.Equal(401, await StatusAsync("night key"));

        await EditAsync("applied", 1);
        Assert.Equal((200, 200), (await StatusAsync("night key"), await StatusAsync(Gateway.Key)));
        _file.Remove("IamGateway");
        await EditAsync("applied", 2);

        Assert.Equal((401, 200), (await StatusAsync("night key"), await StatusAsync(Gateway.Key)));
    }

    private async Task EditAsync(string result, int times)
    {
        _config.Write(_file.ToJsonString());
        await UntilAsync(async () => await ReloadsAsync(result) >= times);
    }

    private async Task<string?> StateAsync(string version) =>
        (await _gateway.Admin.GetFromJsonAsync<JsonElement[]>("/api/v1/versions"))!
        .Where(v => v.GetProperty("version").GetString() == version)
        .Select(v => v.GetProperty("state").GetString()).SingleOrDefault();

    private Task<double> ReloadsAsync(string result) =>
        _gateway.MetricAsync($"iamgateway_reloads_total{{source=\"file\",result=\"{result}\"}}");

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        foreach (var backend in (Backend[])[_one, _two, _newer])
            await backend.DisposeAsync();
        _config.Dispose();
    }
}
