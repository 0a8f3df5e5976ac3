using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using IamGateway.Instances;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Instances;

/// <summary>Which instances get traffic, by what health checks see.</summary>
public sealed class HealthTests
{
    private const string Active = "ReverseProxy:Clusters:iam:HealthCheck:Active";

    [Fact]
    public async Task Defaults_InstanceThatAcceptsAndNeverAnswers_IsTakenOut()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var good = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("good"));
        var settings = Backend.Settings(good);
        settings["ReverseProxy:Clusters:iam:Destinations:silent:Address"] = $"http://{silent.LocalEndpoint}";
        settings["ReverseProxy:Clusters:iam:Destinations:silent:Metadata:Version"] = "8.2.1";
        settings["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "RoundRobin";
        settings[$"{Active}:Enabled"] = null;
        await using var gateway = await Gateway.StartAsync([], settings);

        await UntilAsync(() => gateway.Service<InstanceHealth>().Of("silent") == "unhealthy");

        using var client = new HttpClient { BaseAddress = gateway.Proxy };
        for (var i = 0; i < 10; i++)
            Assert.Equal("good", await client.GetStringAsync("/"));
    }

    [Fact]
    public async Task Starting_InstanceAddedBesideAHealthyOne_GetsNothingUntilItIsSeenHealthy()
    {
        var isUp = false;
        await using var old = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("old"));
        await using var starting = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.StatusCode = Volatile.Read(ref isUp) ? 200 : 503;
            return http.Response.WriteAsync("starting");
        });
        var settings = Backend.Settings(old);
        settings["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "RoundRobin";
        settings[$"{Active}:Enabled"] = "true";
        settings[$"{Active}:Policy"] = AlivePolicy.PolicyName;
        settings[$"{Active}:Interval"] = "00:00:00.200";
        await using var gateway = await Gateway.StartAsync([], settings);
        var health = gateway.Service<InstanceHealth>();
        await UntilAsync(() => health.Of("a") == "healthy");
        using var added = await gateway.Admin.PutAsJsonAsync(
            "/api/v1/instances/late", new { address = starting.Address, version = "8.2.1" });
        added.EnsureSuccessStatusCode();
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        while (health.Of("late") == "unknown")
            Assert.Equal("old", await client.GetStringAsync("/"));
        Assert.Equal("unhealthy", health.Of("late"));
        for (var i = 0; i < 10; i++)
            Assert.Equal("old", await client.GetStringAsync("/"));
        Volatile.Write(ref isUp, true);

        await UntilAsync(() => health.Of("late") == "healthy");
        string[] answers = [await client.GetStringAsync("/"), await client.GetStringAsync("/")];
        Assert.Equal(["old", "starting"], answers.Order());
    }

    [Fact]
    public async Task AllUnhealthy_Request_IsSentAllTheSame()
    {
        await using var failing = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.StatusCode = http.Request.Path == "/" ? 503 : 200;
            return Task.CompletedTask;
        });
        var settings = Backend.Settings(failing);
        settings[$"{Active}:Enabled"] = "true";
        settings[$"{Active}:Policy"] = AlivePolicy.PolicyName;
        settings[$"{Active}:Interval"] = "00:00:00.100";
        await using var gateway = await Gateway.StartAsync([], settings);
        await UntilAsync(() => gateway.Service<InstanceHealth>().Of("a") == "unhealthy");
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        using var response = await client.GetAsync("/other");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(null, "00:00:30")]
    [InlineData("00:00:20", "00:00:20")]
    [InlineData("00:02:00", "00:00:30")]
    public async Task ActivityTimeout_OfTheClusterOrRequestTimeout_IsTheShorter(string? own, string expected)
    {
        var cluster = await ClusterAsync(
            ("IamGateway:RequestTimeout", "00:00:30"),
            ("ReverseProxy:Clusters:iam:HttpRequest:ActivityTimeout", own),
            ("ReverseProxy:Clusters:iam:HttpRequest:AllowResponseBuffering", "true"));

        Assert.Equal(TimeSpan.Parse(expected, null), cluster.HttpRequest?.ActivityTimeout);
        Assert.True(cluster.HttpRequest?.AllowResponseBuffering);
    }

    [Fact]
    public async Task Defaults_ClusterThatSaysNothing_HasBothChecks()
    {
        var cluster = await ClusterAsync(
            ($"{Active}:Enabled", null), ("IamGateway:Versions:Discovery:Path", "/health"),
            ("IamGateway:Versions:Discovery:JsonField", "version"));

        var active = cluster.HealthCheck!.Active!;
        Assert.Equal((true, "Alive", "/health"), (active.Enabled, active.Policy, active.Path));
        Assert.Equal((TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(2)), (active.Interval, active.Timeout));
        Assert.True(cluster.HealthCheck.Passive?.Enabled);
    }

    [Fact]
    public async Task Defaults_ClusterThatConfiguresOneCheck_KeepsItAndHasTheOther()
    {
        var cluster = await ClusterAsync(
            ($"{Active}:Enabled", null), ("ReverseProxy:Clusters:iam:HealthCheck:Passive:Enabled", "false"),
            ("ReverseProxy:Clusters:iam:HealthCheck:AvailableDestinationsPolicy", "HealthyAndUnknown"));

        Assert.Equal((true, "/"), (cluster.HealthCheck!.Active!.Enabled, cluster.HealthCheck.Active.Path));
        Assert.False(cluster.HealthCheck.Passive?.Enabled);
        Assert.Equal("HealthyAndUnknown", cluster.HealthCheck.AvailableDestinationsPolicy);
    }

    private static async Task<ClusterConfig> ClusterAsync(params (string Key, string? Value)[] settings)
    {
        await using var instance = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("ok"));
        var all = Backend.Settings(instance);
        foreach (var (key, value) in settings)
            all[key] = value;
        await using var gateway = await Gateway.StartAsync([], all);
        Assert.True(gateway.Service<IProxyStateLookup>().TryGetCluster("iam", out var cluster));
        return cluster.Model.Config;
    }
}
