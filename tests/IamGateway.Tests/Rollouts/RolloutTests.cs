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

    [Fact]
    public async Task Rollout_VersionThatFailsFivePercent_IsStoppedAtTheFirstStep()
    {
        await using var site = await RolloutSite.StartAsync(
            controlsTime: true, change: o => o with { ErrorRate = 0.05 });
        await site.LogInAsync(20);
        await site.BeginAsync(Steps);
        await site.UntilWaitingAsync("hold", 0);

        await site.UseAsync(30);

        var paused = await site.UntilStateAsync("paused");
        Assert.Matches(
            @"^error rate of 8\.3\.0 is [345](\.\d+)? % of \d+ requests, limit 1 %$", RolloutSite.Reason(paused));
        Assert.Equal((0, "gateway"), (
            paused.GetProperty("step").GetInt32(),
            paused.GetProperty("transitions").EnumerateArray().Last().Text("who")));
        Assert.InRange(
            paused.GetProperty("measurements").GetProperty("new").GetProperty("errorRate").GetDouble(), 0.03, 0.06);
        Assert.Equal("""{"8.2.1":50,"8.3.0":50}""", await site.WeightsAsync());
        Assert.Equal(1, await site.Gateway.MetricAsync(
            "iamgateway_rollout_state{from=\"8.2.1\",to=\"8.3.0\",state=\"paused\"}"));
        Assert.All(site.Failures, f => Assert.Contains("injected", f.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rollout_FailingVersionAndAbortOrdered_IsTakenBackAndItsSessionsStay()
    {
        await using var site = await RolloutSite.StartAsync(
            controlsTime: true, change: o => o with { ErrorRate = 0.05 });
        await site.LogInAsync(20);
        await site.BeginAsync(Steps.Replace("\"minRequests\":50", "\"minRequests\":50,\"onFailure\":\"abort\"",
            StringComparison.Ordinal));
        await site.UntilWaitingAsync("hold", 0);
        await site.UseAsync(30);

        await site.UntilStateAsync("failed");

        Assert.Equal("""{"8.2.1":100,"8.3.0":0}""", await site.WeightsAsync());
        Assert.Equal(["8.2.1", "8.3.0"], (await site.UseAsync(1)).Keys.Order());
        Assert.All(site.Instances, i => Assert.Equal(0, i.OlderVersionRequests));
    }

    // In real time: what is measured is time.
    [Fact]
    public async Task Rollout_SlowVersion_IsStoppedAtTheFirstStep()
    {
        await using var site = await RolloutSite.StartAsync(
            change: o => o with { ExtraLatency = TimeSpan.FromMilliseconds(500) });
        await site.LogInAsync(12);
        await site.BeginAsync(
            """
            "steps":[{"weight":50,"hold":"3s"},{"weight":100,"hold":"1h"}],
            "analysis":{"maxErrorRate":0.01,"maxP99Ratio":2,"minRequests":5}
            """);
        await site.UntilWaitingAsync("hold", 0);

        await site.UseAsync(6);

        var paused = await site.UntilStateAsync("paused");
        Assert.Contains("p99 of 8.3.0 is", RolloutSite.Reason(paused), StringComparison.Ordinal);
        Assert.Equal(0, paused.GetProperty("step").GetInt32());
    }

    [Fact]
    public async Task Rollout_Revoked_EverySessionOfTheBadVersionLogsInAgainOnTheOldOne()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.LogInAsync(20);
        await site.BeginAsync(Steps);
        await site.UntilWaitingAsync("hold", 0);
        var before = await site.UseAsync(1);
        Assert.Equal(["8.2.1", "8.3.0"], before.Keys.Order());

        var revoked = await site.SayAsync("revoke", """{"confirm":"8.3.0"}""");

        Assert.Equal("aborted", revoked.Text("state"));
        Assert.Equal("8.3.0 was revoked, its sessions end", RolloutSite.Reason(revoked));
        var after = await site.UseAsync(1);
        Assert.Equal(before["8.2.1"], after["8.2.1"]);
        Assert.Equal(before["8.3.0"], site.Failures.Count(f => f.Status == System.Net.HttpStatusCode.Unauthorized));
        Assert.Equal(before["8.3.0"], site.Failures.Count);
        await site.LogInAgainAsync();
        Assert.Equal(20, (await site.UseAsync(1))["8.2.1"]);
        Assert.Equal("revoked", (await site.GetAsync("versions")).One("version", "8.3.0").Text("state"));
        Assert.All(site.Instances, i => Assert.Equal(0, i.OlderVersionRequests));
    }

    private const string StarveOut =
        """
        "existingSessions":"stay","steps":[{"weight":100,"hold":"0s"}],"drainDeadline":"8h",
        "analysis":{"minRequests":0,"maxP99Ratio":1000}
        """;

    [Fact]
    public async Task Rollout_StarveOut_KeepsSessionsUntilTheDeadlineAndThenMovesThem()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.LogInAsync(5);
        await site.BeginAsync(StarveOut);
        await site.UntilStateAsync("draining");
        Assert.Equal(["8.2.1"], (await site.UseAsync(2)).Keys);
        await site.LogInAsync(3);
        var used = await site.UseAsync(1);
        Assert.Equal((5, 3), (used["8.2.1"], used["8.3.0"]));
        var drain = (await site.UntilAsync(r =>
            r.GetProperty("drain").GetProperty("sessionsAtStart").ValueKind == JsonValueKind.Number))
            .GetProperty("drain");
        Assert.Equal(5, drain.GetProperty("sessionsAtStart").GetInt32());
        site.Clock!.Advance(TimeSpan.FromHours(7.9));
        Assert.Equal("draining", (await site.UntilAsync(r => true)).Text("state"));
        Assert.Equal(5, (await site.UseAsync(1))["8.2.1"]);

        site.Clock.Advance(TimeSpan.FromHours(0.1));

        var done = await site.UntilStateAsync("completed");
        Assert.Contains(
            done.GetProperty("transitions").EnumerateArray(),
            t => t.Text("reason")!.StartsWith("the drain deadline of 8h has passed", StringComparison.Ordinal));
        Assert.Equal(8, (await site.UseAsync(1))["8.3.0"]);
        Assert.Empty(site.Failures);
        Assert.All(site.Instances, i => Assert.Equal(0, i.OlderVersionRequests));
    }

    [Fact]
    public async Task Rollout_StarveOut_EndsWhenTheLastSessionHasEnded()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.LogInAsync(3);
        await site.BeginAsync(StarveOut);
        await site.UntilStateAsync("draining");
        await site.UntilAsync(r =>
            r.GetProperty("drain").GetProperty("sessionsAtStart").ValueKind == JsonValueKind.Number);

        await site.LogOutAsync();

        var done = await site.UntilStateAsync("completed");
        Assert.Contains(
            done.GetProperty("transitions").EnumerateArray(),
            t => t.Text("reason") == "no session is left on 8.2.1; it is closed");
        Assert.Empty(site.Failures);
    }

    [Fact]
    public async Task Rollout_PausedResumedPromotedAborted_DoesWhatIsSaid()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.LogInAsync(10);
        await site.BeginAsync(
            """
            "steps":[{"weight":50,"hold":"manual"},{"weight":60,"hold":"manual"},{"weight":100,"hold":"manual"}],
            "analysis":{"minRequests":0,"maxP99Ratio":1000},"existingSessions":"stay"
            """);
        await site.UntilWaitingAsync("manual", 0);

        Assert.Equal("paused", (await site.SayAsync("pause")).Text("state"));
        site.Clock!.Advance(TimeSpan.FromHours(2));
        Assert.Equal("paused", (await site.UntilAsync(r => true)).Text("state"));
        await site.SayAsync("resume");
        await site.UntilWaitingAsync("manual", 0);
        await site.SayAsync("resume");
        await site.UntilWaitingAsync("manual", 1);
        Assert.Equal("""{"8.2.1":40,"8.3.0":60}""", await site.WeightsAsync());
        await site.SayAsync("promote");
        var draining = await site.UntilStateAsync("draining");
        Assert.Equal("""{"8.2.1":0,"8.3.0":100}""", await site.WeightsAsync());
        Assert.Equal(2, draining.GetProperty("step").GetInt32());
        await site.LogInAsync(1);
        await site.SayAsync("abort");

        Assert.Equal("""{"8.2.1":100,"8.3.0":0}""", await site.WeightsAsync());
        var used = await site.UseAsync(1);
        Assert.Equal((10, 1), (used["8.2.1"], used["8.3.0"]));
        var whats = (await site.GetAsync("events?limit=500")).EnumerateArray()
            .Where(e => e.Text("what")!.StartsWith("rollout.", StringComparison.Ordinal)).ToArray();
        Assert.Equal(
            [
                "rollout.checking", "rollout.progressing", "rollout.paused", "rollout.progressing",
                "rollout.progressing", "rollout.progressing", "rollout.progressing", "rollout.draining",
                "rollout.aborted",
            ],
            whats.Select(e => e.Text("what")));
        Assert.Equal(("test-admin", "draining", "8.3.0: aborted by hand"), (
            whats[^1].Text("who"), whats[^1].Text("from"), whats[^1].Text("to")));
        Assert.Equal(
            (await site.CurrentAsync()).GetProperty("revision").GetInt64(),
            whats[^1].GetProperty("revision").GetInt64());
    }

    [Fact]
    public async Task Weights_SetDuringARollout_ApplyAndPauseIt()
    {
        await using var site = await RolloutSite.StartAsync(controlsTime: true);
        await site.BeginAsync(Steps);
        await site.UntilWaitingAsync("hold", 0);

        await site.Gateway.SetWeightsAsync(("8.2.1", 80), ("8.3.0", 20));

        var paused = await site.CurrentAsync();
        Assert.Equal(("paused", "weights were set by test-admin"), (paused.Text("state"), RolloutSite.Reason(paused)));
        site.Clock!.Advance(TimeSpan.FromHours(1));
        await site.UntilAsync(r => true);
        Assert.Equal("""{"8.2.1":80,"8.3.0":20}""", await site.WeightsAsync());
    }
}
