using DemoIam;
using IamGateway.Pins;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Recording;

public sealed class LiveMetricsTests
{
    [Fact]
    public async Task InstanceState_InstanceDrained_SeriesChanges()
    {
        var state = new MemorySessionState();
        await using var a = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "a" }, state);
        await using var b = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "b" }, state);
        await using var gateway = await Gateway.StartAsync([a, b]);
        Assert.Equal(1, await gateway.MetricAsync(State("a", "active")));

        using var answer = await gateway.Admin.PostAsync("/api/v1/instances/a/drain", null);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(1, await gateway.MetricAsync(State("a", "drained")));
        Assert.Equal(0, await gateway.MetricAsync(State("a", "active")));
        Assert.Equal(1, await gateway.MetricAsync(State("b", "active")));
    }

    [Fact]
    public async Task UsableInstances_OneDrained_IsNotCounted()
    {
        var state = new MemorySessionState();
        await using var a = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "a" }, state);
        await using var b = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "b" }, state);
        await using var registered = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var gateway = await Gateway.StartAsync([a, b, registered]);
        Assert.Equal(2, await gateway.MetricAsync("iamgateway_usable_instances{version=\"8.2.1\"}"));

        using var answer = await gateway.Admin.PostAsync("/api/v1/instances/a/drain", null);

        Assert.Equal(1, await gateway.MetricAsync("iamgateway_usable_instances{version=\"8.2.1\"}"));
        Assert.DoesNotContain(
            "iamgateway_usable_instances{version=\"8.3.0\"}", await gateway.Admin.GetStringAsync("/metrics"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sessions_VersionRetired_LastCountDoesNotStandForEver()
    {
        var state = new MemorySessionState();
        await using var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var @new = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var gateway = await Gateway.StartAsync([old, @new]);
        using var http = new HttpMessageInvoker(
            new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        await new Browser(http, () => gateway.Proxy, "ann").LogInAsync();
        await gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
        await gateway.Service<SessionCensus>().CountAsync(CancellationToken.None);
        Assert.Equal(1, await gateway.MetricAsync("iamgateway_sessions{version=\"8.2.1\"}"));

        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        using var answer = await gateway.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        await gateway.Service<SessionCensus>().CountAsync(CancellationToken.None);

        Assert.Equal(System.Net.HttpStatusCode.OK, answer.StatusCode);
        Assert.DoesNotContain(
            "iamgateway_sessions{version=\"8.2.1\"}", await gateway.Admin.GetStringAsync("/metrics"),
                StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("8.2.1", "8.3.0", 1, 1)]
    [InlineData("8.3.0", "8.2.1", 1, 0)]
    [InlineData("8.3.0", "8.3.0", 0, 0)]
    public async Task Violations_InstanceReportsAnotherVersionThanConfigured_LowerOnesCount(
        string real, string configured, double mismatches, double violations)
    {
        await using var instance = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = real, Name = "a" }, new MemorySessionState());
        await using var gateway = await Gateway.StartAsync([instance], new Dictionary<string, string?>
        {
            ["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = configured,
            ["IamGateway:Versions:Initial"] = configured,
            ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
        });
        using var client = new HttpClient { BaseAddress = gateway.Proxy };

        await client.GetStringAsync("/login");

        Assert.Equal(mismatches,
            await gateway.MetricAsync("iamgateway_instance_version_mismatch_total{instance=\"a\"}"));
        Assert.Equal(violations, await gateway.MetricAsync("iamgateway_violations_total"));
    }

    private static string State(string instance, string state) =>
        $"iamgateway_instance_state{{instance=\"{instance}\",version=\"8.2.1\",state=\"{state}\"}}";
}
