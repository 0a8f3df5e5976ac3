using System.Text.Json.Nodes;

namespace IamGateway.Tests.Cli;

/// <summary>Watching without a terminal: lines for a log, and JSON.</summary>
public sealed class WatchTests : IAsyncLifetime
{
    private const string Path = "GET /api/v1/rollouts/current";
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() =>
        _api = (await StubApi.StartAsync()).On("GET /api/v1/versions", SomeAnswers.Versions);

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Theory]
    [InlineData("completed", 0)]
    [InlineData("aborted", 6)]
    [InlineData("failed", 6)]
    public async Task Watch_ToTheEnd_EndsAsTheRolloutDoes(string state, int expected)
    {
        _api.On(Path, Ok(SomeAnswers.Rollout()), Ok(SomeAnswers.Rollout()), Ok(SomeAnswers.Rollout(state, "the end")));

        Assert.Equal(expected, (await IamgwRun.AtAsync(_api.Address, "rollout", "watch")).ExitCode);
        Assert.Equal(3, _api.Requests.Count(r => r.Call == Path));
    }

    [Fact]
    public async Task Watch_Lines_TellEachTransitionOnceAndHowItStands()
    {
        var end = JsonNode.Parse(SomeAnswers.Rollout())!;
        end["state"] = "completed";
        end["transitions"]!.AsArray().Add(JsonNode.Parse("""
            {"at":"2026-03-01T03:20:05+00:00","state":"completed","who":"gateway","reason":"it is closed","revision":10}
            """));
        _api.On(
            Path, Ok(SomeAnswers.Rollout()), Ok(SomeAnswers.Rollout()), Ok(SomeAnswers.Rollout()),
            Ok(end.ToJsonString()));

        var (_, output, _) = await IamgwRun.AtAsync(_api.Address, "rollout", "watch");

        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.EndsWith("checking: asked for (ops)", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("progressing: step 2 of 4 (gateway)", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(
            "8.2.1 -> 8.3.0, progressing, step 2 of 4 at 25 %; "
            + "8.2.1 1,204 sessions, 12,345 requests, 0.02 % errors, p99 34 ms; "
            + "8.3.0 388 sessions, 4,112 requests, 5.1 % errors, p99 36 ms",
            lines[2], StringComparison.Ordinal);
        Assert.EndsWith("completed: it is closed (gateway)", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_WithJson_PrintsEachResourceThatIsNew()
    {
        var (before, after) = (SomeAnswers.Rollout(), SomeAnswers.Rollout("completed", "done"));
        _api.On(Path, Ok(before), Ok(before), Ok(after));

        Assert.Equal(
            new IamgwResult(0, before + "\n" + after + "\n", ""),
            await IamgwRun.AtAsync(_api.Address, "rollout", "watch", "--json"));
    }

    [Fact]
    public async Task Watch_GatewayAwayForAWhile_GoesOn()
    {
        _api.On(
            Path, Ok(SomeAnswers.Rollout()), StubAnswer.Problem(503, "Not ready."),
            new StubAnswer(502, "no", "text/plain"), Ok(SomeAnswers.Rollout("completed", "done")));

        Assert.Equal(0, (await IamgwRun.AtAsync(_api.Address, "rollout", "watch")).ExitCode);
    }

    [Fact]
    public async Task Watch_GatewayAwayForLonger_EndsWith3()
    {
        _api.On(Path, Ok(SomeAnswers.Rollout()), new StubAnswer(502, "no", "text/plain"));

        var run = new IamgwRun { Patience = TimeSpan.Zero };

        Assert.Equal(3, (await run.RunAsync(_api.Address, "rollout", "watch")).ExitCode);
    }

    [Theory]
    [InlineData(401, 4)]
    [InlineData(404, 5)]
    public async Task Watch_OfWhatCannotBeSeen_EndsAtOnce(int status, int expected)
    {
        _api.On(Path, StubAnswer.Problem(status, "No."));

        Assert.Equal(expected, (await IamgwRun.AtAsync(_api.Address, "rollout", "watch")).ExitCode);
        Assert.Single(_api.Requests, r => r.Call == Path);
    }

    [Fact]
    public async Task Watch_SessionsCannotBeCounted_ShowsTheRest()
    {
        _api.On("GET /api/v1/versions", StubAnswer.Problem(503, "The store does not answer."))
            .On(Path, Ok(SomeAnswers.Rollout()), Ok(SomeAnswers.Rollout("completed", "done")));

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "rollout", "watch");

        Assert.Equal(0, code);
        Assert.Contains("8.2.1 12,345 requests", output, StringComparison.Ordinal);
    }

    private static StubAnswer Ok(string body) => new(200, body);
}
