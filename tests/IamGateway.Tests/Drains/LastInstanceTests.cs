using System.Net;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Drains.DrainSite;

namespace IamGateway.Tests.Drains;

/// <summary>Something always stays that can serve, unless it is forced.</summary>
public sealed class LastInstanceTests
{
    /// <summary>
    /// Fault: each of two drains at once saw the instance of the other one still serving, and both were carried out.
    /// </summary>
    [Fact]
    public async Task Drain_TheLastTwoAtOnceOnTwoReplicas_OneIsRefused()
    {
        await using var site = await StartAsync();
        for (var i = 0; i < 20; i++)
        {
            var both = await Task.WhenAll(PostAsync(site.A, "a/drain"), PostAsync(site.B, "b/drain"));

            Assert.Equal([200, 409], both.Select(b => b.Status).Order());
            Assert.Equal("last_instance", both.Single(b => b.Status == 409).Body.Text("code"));
            Assert.Single(site.A.Service<Replica>().View.State.Instances.Concat(
                site.B.Service<Replica>().View.State.Instances).DistinctBy(o => o.Id), o => o.Draining);
            foreach (var instance in (string[])["a", "b"])
                await PostAsync(site.A, $"{instance}/resume");
        }
    }

    /// <summary>Fault: a sibling that health checks keep out passed for one that serves.</summary>
    [Fact]
    public async Task Drain_SiblingIsUnhealthy_IsRefusedAndTheSiblingMayGo()
    {
        await using var site = await StartAsync(
            ("ReverseProxy:Clusters:iam:HealthCheck:Active:Enabled", "true"),
            ("ReverseProxy:Clusters:iam:HealthCheck:Active:Interval", "00:00:00.100"),
            ("ReverseProxy:Clusters:iam:HealthCheck:Active:Timeout", "00:00:05"),
            ("ReverseProxy:Clusters:iam:HealthCheck:Active:Policy", "ConsecutiveFailures"),
            ("ReverseProxy:Clusters:iam:HealthCheck:Active:Path", "/"));
        await UntilAsync(site.A, "b", i => i.Text("health") == "healthy");
        await site.StopInstanceAsync("b");
        await UntilAsync(site.A, "b", i => i.Text("health") == "unhealthy");

        Assert.Equal(409, (await PostAsync(site.A, "a/drain")).Status);
        Assert.Equal(200, (await PostAsync(site.A, "b/drain")).Status);
    }

    [Fact]
    public async Task Drain_SiblingHasNotProvenItsVersion_IsRefused()
    {
        await using var known = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers["X-Version"] = "8.2.1";
            return Task.CompletedTask;
        });
        await using var unknown = await Backend.StartAsync("8.2.1", _ => Task.CompletedTask);
        var settings = Backend.Settings(known, unknown);
        settings["IamGateway:Versions:Discovery:Path"] = "/health";
        settings["IamGateway:Versions:Discovery:Header"] = "X-Version";
        await using var gateway = await Gateway.StartAsync([], settings);
        Assert.Equal("quarantined", (await InstanceAsync(gateway, "b")).Text("state"));

        Assert.Equal(409, (await PostAsync(gateway, "a/drain")).Status);
    }

    [Fact]
    public async Task Drain_LastInstanceOfTheNewest_IsRefusedThoughAnOlderVersionServes()
    {
        await using var site = await StartAsync();
        await site.ActivateAsync();

        Assert.Equal(200, (await PostAsync(site.A, "c/drain")).Status);
        Assert.Equal(409, (await PostAsync(site.A, "d/drain")).Status);
        Assert.Equal(200, (await PostAsync(site.A, "a/drain")).Status);
        Assert.Equal(200, (await PostAsync(site.A, "b/drain")).Status);
        Assert.Equal(200, (await PostAsync(site.A, "d/drain?force=true")).Status);
    }

    [Fact]
    public async Task Drain_TwiceTheSame_IsNotRefused()
    {
        await using var site = await StartAsync();
        Assert.Equal(200, (await PostAsync(site.A, "a/drain")).Status);
        Assert.Equal(200, (await PostAsync(site.A, "a/drain")).Status);
        // What another replica has drained counts before this one has seen it.
        Assert.Equal(409, (await PostAsync(site.B, "b/drain?force=false")).Status);
    }

    [Theory]
    [InlineData("a/drain?force=maybe")]
    [InlineData("a/drain?wait=0")]
    [InlineData("a/drain?wait=3601")]
    [InlineData("a/drain?wait=1.5")]
    [InlineData("a/drain?wait=")]
    public async Task Drain_ParameterOutOfItsRange_IsABadRequestAndDrainsNothing(string call)
    {
        await using var server = await AdminServer.StartAsync();

        var (status, problem) = await PostAsync(server.Gateway, call.Replace("a/", "new/", StringComparison.Ordinal));

        Assert.Equal((400, "bad_request"), (status, problem.Text("code")));
        Assert.Equal("active", (await InstanceAsync(server.Gateway, "new")).Text("state"));
    }

    [Fact]
    public async Task Delete_LastThatServesOnAnotherReplica_IsRefusedWithinTheChange()
    {
        await using var site = await StartAsync();
        await site.GetAsync(site.A, "/");
        using var put = new StringContent(
            """{"address":"http://127.0.0.1:9","version":"8.2.1"}""", null, "application/json");
        using var set = await site.A.Admin.PutAsync("/api/v1/instances/x", put);
        Assert.Equal(HttpStatusCode.OK, set.StatusCode);
        await site.AgreeAsync();
        await PostAsync(site.A, "a/drain");
        await PostAsync(site.A, "b/drain");

        using var refused = await site.B.Admin.DeleteAsync("/api/v1/instances/x");

        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
    }
}
