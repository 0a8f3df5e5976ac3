using System.Text.Json;
using IamGateway.Tests.Admin;

namespace IamGateway.Tests.Rollouts;

/// <summary>Whole rollouts on the demo IAM.</summary>
public sealed class RolloutTests
{
    private const string Steps =
        """
        "steps":[{"weight":50,"hold":"10m"},{"weight":100,"hold":"1h"}],
        "analysis":{"maxErrorRate":0.01,"maxP99Ratio":1000,"minRequests":50}
        """;

    [Fact]
    public async Task Rollout_GoodVersion_GoesThroughItsStepsDrainsAndCompletes()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.LogInAsync(20);

        var begun = await site.BeginAsync(Steps);
        Assert.Equal("checking", begun.Text("state"));
        await site.UntilWaitingAsync("hold", 0);
        Assert.Equal("""{"8.2.1":50,"8.3.0":50}""", await site.WeightsAsync());
        Assert.True((await site.UseAsync(20))["8.3.0"] >= 50);
        await site.UntilMeasuredAsync(50);
        Assert.Equal("hold", (await site.CurrentAsync()).Text("waitingFor"));

        site.Clock!.Advance(TimeSpan.FromMinutes(10));
        await site.UntilWaitingAsync("hold", 1);
        Assert.Equal("""{"8.2.1":0,"8.3.0":100}""", await site.WeightsAsync());
        var last = await site.UseAsync(5);
        Assert.Equal(["8.3.0"], last.Keys);
        await site.UntilMeasuredAsync(50);
        site.Clock.Advance(TimeSpan.FromHours(1));

        var done = await site.UntilStateAsync("completed");
        Assert.Empty(site.Failures);
        Assert.Equal(
            ["checking", "progressing", "progressing", "draining", "draining", "completed"],
            done.GetProperty("transitions").EnumerateArray().Select(t => t.Text("state")));
        Assert.Equal("8.2.1 is retired", RolloutSite.Reason(done));
        Assert.Equal(0, done.GetProperty("drain").GetProperty("sessionsLeft").GetInt32());
        var status = await site.GetAsync("status");
        Assert.Equal("steady", status.Text("phase"));
        Assert.Equal(JsonValueKind.Null, status.GetProperty("rollout").ValueKind);
        Assert.Equal("retired", status.GetProperty("versions").One("version", "8.2.1").Text("state"));
        Assert.All(site.Instances, i => Assert.Equal(0, i.OlderVersionRequests));
    }
}
