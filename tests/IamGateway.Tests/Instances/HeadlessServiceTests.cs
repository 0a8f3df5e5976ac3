using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using IamGateway.Instances;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Instances;

/// <summary>One name for each version, as a headless service of Kubernetes has: through a whole upgrade.</summary>
public sealed class HeadlessServiceTests : IAsyncLifetime
{
    private readonly int _port = Ports.Next();
    private readonly List<Backend> _pods = [];
    private readonly HttpClient _client = new();
    private IPAddress[] _old = [];
    private IPAddress[] _newer = [];
    private Gateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        foreach (var (host, version) in ((string, string)[])
            [("127.0.0.1", "8.2.1"), ("127.0.0.2", "8.2.1"), ("127.0.0.3", "8.3.0")])
            _pods.Add(await Backend.StartAsync(version, http => AnswerAsync(http, host), _port, host));
        _old = [IPAddress.Parse("127.0.0.1")];
        _gateway = await Gateway.StartAsync(
            [],
            new Dictionary<string, string?>
            {
                ["ReverseProxy:Clusters:iam:Destinations:old:Address"] = $"http://old.iam:{_port}",
                ["ReverseProxy:Clusters:iam:Destinations:old:Metadata:Version"] = "8.2.1",
                ["ReverseProxy:Clusters:iam:Destinations:old:Metadata:Resolve"] = "dns",
                ["ReverseProxy:Clusters:iam:Destinations:new:Address"] = $"http://new.iam:{_port}",
                ["ReverseProxy:Clusters:iam:Destinations:new:Metadata:Version"] = "8.3.0",
                ["ReverseProxy:Clusters:iam:Destinations:new:Metadata:Resolve"] = "dns",
                ["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "RoundRobin",
                ["IamGateway:Dns:Refresh"] = "00:00:00.100",
            },
            replaceServices: s => s.AddSingleton<ResolveHost>((host, _) => Task.FromResult(
                host == "old.iam" ? Volatile.Read(ref _old) : Volatile.Read(ref _newer))));
        _client.BaseAddress = _gateway.Proxy;
    }

    private static Task AnswerAsync(HttpContext http, string pod) => http.Response.WriteAsync(
        $"{pod} as {http.Request.Host.Host}");

    [Fact]
    public async Task Upgrade_RecordsComeAndGo_RequestsFollowThem()
    {
        await UntilAnswersAsync("127.0.0.1 as old.iam");
        Volatile.Write(ref _old, [IPAddress.Parse("127.0.0.2"), IPAddress.Parse("127.0.0.1")]);
        await UntilAnswersAsync("127.0.0.1 as old.iam", "127.0.0.2 as old.iam");
        Volatile.Write(ref _old, [IPAddress.Parse("127.0.0.2")]);
        await UntilAnswersAsync("127.0.0.2 as old.iam");

        Volatile.Write(ref _newer, [IPAddress.Parse("127.0.0.3")]);
        await UntilAsync(() => Task.FromResult(
            _gateway.Service<InstanceTable>().Find("new-127.0.0.3") is not null));
        await UntilAnswersAsync("127.0.0.2 as old.iam");
        await _gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        await UntilAnswersAsync("127.0.0.3 as new.iam");

        var instances = await _gateway.Admin.GetFromJsonAsync<JsonElement[]>("/api/v1/instances");
        Assert.Equal(
            ["new-127.0.0.3 8.3.0", "old-127.0.0.2 8.2.1"],
            instances!.Select(i => $"{i.GetProperty("id").GetString()} {i.GetProperty("version").GetString()}")
                .Order());
    }

    [Fact]
    public async Task Drain_InstanceOfAName_GetsNothingMore()
    {
        Volatile.Write(ref _old, [IPAddress.Parse("127.0.0.1"), IPAddress.Parse("127.0.0.2")]);
        await UntilAnswersAsync("127.0.0.1 as old.iam", "127.0.0.2 as old.iam");

        using var drained = await _gateway.Admin.PostAsync("/api/v1/instances/old-127.0.0.1/drain", null);

        drained.EnsureSuccessStatusCode();
        await UntilAnswersAsync("127.0.0.2 as old.iam");
    }

    /// <summary>Exactly these answers come, again and again.</summary>
    private Task UntilAnswersAsync(params string[] expected) => UntilAsync(async () =>
    {
        var answers = new List<string>();
        for (var i = 0; i < 6; i++)
            answers.Add(await _client.GetStringAsync("/"));
        return answers.Distinct().Order().SequenceEqual(expected);
    });

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _gateway.DisposeAsync();
        foreach (var pod in _pods)
            await pod.DisposeAsync();
    }
}
