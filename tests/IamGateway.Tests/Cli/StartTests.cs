namespace IamGateway.Tests.Cli;

public sealed class StartTests : IAsyncLifetime
{
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await StubApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Start_WithEveryOption_SendsThatOrder()
    {
        _api.On("POST /api/v1/rollouts", new StubAnswer(201, SomeAnswers.Rollout()));

        var (code, output, _) = await StartAsync(
            "--steps 5:10m,25,50:manual,100 --existing-sessions stay --schema-upgraded --allow-skip "
            + "--max-error-rate 0.02 --max-p99-ratio 1.5 --max-refusal-rate 0.03 --min-requests 7 --on-failure abort "
            + "--drain-deadline 8h");

        Assert.Equal(0, code);
        Assert.Contains("Rollout 95130d8a from 8.2.1 to 8.3.0 has begun.", output, StringComparison.Ordinal);
        var request = Assert.Single(_api.Requests);
        Assert.Equal("POST /api/v1/rollouts", request.Call);
        Assert.Equal(
            """
            {"to":"8.3.0","existingSessions":"stay","steps":[{"weight":5,"hold":"10m"},{"weight":25},
            {"weight":50,"hold":"manual"},{"weight":100,"hold":"0s"}],"schemaUpgraded":true,"allowSkip":true,
            "analysis":{"maxErrorRate":0.02,"maxP99Ratio":1.5,"minRequests":7,"maxRefusalRate":0.03,
            "onFailure":"abort"},"drainDeadline":"8h"}
            """.ReplaceLineEndings(""),
            request.Body);
    }

    [Fact]
    public async Task Start_WithTheTargetAlone_LeavesAllElseToTheGateway()
    {
        _api.On("POST /api/v1/rollouts", new StubAnswer(201, SomeAnswers.Rollout()));

        await StartAsync("");

        Assert.Equal("""{"to":"8.3.0"}""", Assert.Single(_api.Requests).Body);
    }

    [Theory]
    [InlineData("true", 0, "All 1 preconditions hold; nothing was changed.")]
    [InlineData("false", 1, "1 of 1 preconditions fail; nothing was changed.")]
    public async Task DryRun_OfAnOrder_ShowsThePreconditionsAndEndsAsTheyAre(string passed, int expected, string last)
    {
        _api.On("POST /api/v1/rollouts", SomeAnswers.Rollout().Replace(
            "\"passed\":true", $"\"passed\":{passed}", StringComparison.Ordinal));

        var (code, output, _) = await StartAsync("--dry-run --watch");

        Assert.Equal(expected, code);
        Assert.Contains("The store is up.", output, StringComparison.Ordinal);
        Assert.EndsWith(last + "\n", output, StringComparison.Ordinal);
        Assert.Equal("POST /api/v1/rollouts?dryRun=true", Assert.Single(_api.Requests).Call);
    }

    [Fact]
    public async Task Start_Watched_ShowsItToItsEnd()
    {
        _api.On("POST /api/v1/rollouts", new StubAnswer(201, SomeAnswers.Rollout()))
            .On("GET /api/v1/versions", SomeAnswers.Versions)
            .On("GET /api/v1/rollouts/95130d8a", SomeAnswers.Rollout("failed", "too many errors"));

        var (code, output, _) = await StartAsync("--watch");

        Assert.Equal(6, code);
        Assert.Contains("failed: too many errors (gateway)", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pause", null)]
    [InlineData("resume", null)]
    [InlineData("promote", null)]
    [InlineData("abort", null)]
    [InlineData("revoke --confirm 8.3.0", """{"confirm":"8.3.0"}""")]
    public async Task Command_ToARollout_GoesToTheCurrentOneAndTellsItsState(string line, string? body)
    {
        var verb = line.Split(' ')[0];
        _api.On($"POST /api/v1/rollouts/current/{verb}", SomeAnswers.Rollout("paused", "by hand"))
            .On($"POST /api/v1/rollouts/7/{verb}", SomeAnswers.Rollout());

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, ["rollout", .. line.Split(' ')]);
        var other = await IamgwRun.AtAsync(_api.Address, ["rollout", .. line.Split(' '), "7"]);

        Assert.Equal((0, "8.2.1 -> 8.3.0, paused, step 2 of 4 at 25 % (by hand)\n"), (code, output));
        Assert.Equal(0, other.ExitCode);
        Assert.Equal(body ?? "", _api.Requests.First().Body);
    }

    private Task<IamgwResult> StartAsync(string options) => IamgwRun.AtAsync(
        _api.Address,
        ["rollout", "start", "--to", "8.3.0", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
}
