using System.Text.Json;

namespace IamGateway.Tests.Cli;

public sealed class CommandTests : IAsyncLifetime
{
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await StubApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Status_OfTwoVersions_ShowsReadinessStoreAndBoth()
    {
        _api.On("GET /api/v1/status", SomeAnswers.Status);

        var (code, output, errors) = await IamgwRun.AtAsync(_api.Address, "status");

        Assert.Equal((0, ""), (code, errors));
        Assert.Contains($"{_api.Address} ready", output, StringComparison.Ordinal);
        Assert.Contains("redis, up", output, StringComparison.Ordinal);
        Assert.Contains("8.2.1    active    75 %          2     1,204          3\n", output, StringComparison.Ordinal);
        Assert.Contains("8.3.0    active    25 %          2       388          1\n", output, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Readings() => new()
    {
        { "status", "/api/v1/status", SomeAnswers.Status },
        { "weights", "/api/v1/weights", SomeAnswers.Weights },
        { "weights get", "/api/v1/weights", SomeAnswers.Weights },
        { "instances", "/api/v1/instances", SomeAnswers.Instances },
        { "instances list", "/api/v1/instances", SomeAnswers.Instances },
        { "replicas", "/api/v1/replicas", SomeAnswers.Replicas },
        { "replicas list", "/api/v1/replicas", SomeAnswers.Replicas },
        { "events", "/api/v1/events", SomeAnswers.Events },
        { "rollout", "/api/v1/rollouts/current", SomeAnswers.Rollout() },
        { "rollout status 95130d8a", "/api/v1/rollouts/95130d8a", SomeAnswers.Rollout() },
        { "rollout list", "/api/v1/rollouts", $"[{SomeAnswers.Rollout()}]" },
    };

    [Theory]
    [MemberData(nameof(Readings))]
    public async Task Json_OfACommandThatReads_IsTheBodyAndNothingElse(string command, string path, string body)
    {
        _api.On("GET " + path, body);

        var result = await IamgwRun.AtAsync(_api.Address, [.. command.Split(' '), "--json"]);

        Assert.Equal(new IamgwResult(0, body + "\n", ""), result);
    }

    [Theory]
    [MemberData(nameof(Readings))]
    public async Task Text_OfACommandThatReads_HasNoLineThatEndsInSpaces(string command, string path, string body)
    {
        _api.On("GET " + path, body).On("GET /api/v1/versions", SomeAnswers.Versions);

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, command.Split(' '));

        Assert.Equal(0, code);
        Assert.DoesNotContain(output.Split('\n'), l => l.EndsWith(' '));
        Assert.DoesNotContain('\e', output);
    }

    [Fact]
    public async Task WeightsSet_TwoShares_SendsThemAndSaysThatTheyAreApplied()
    {
        _api.On("PUT /api/v1/weights", """{"weights":{"8.2.1":90,"8.3.0":10},"revision":10,"appliedIn":12.4}""");

        var result = await IamgwRun.AtAsync(_api.Address, "weights", "set", "8.2.1=90", "8.3.0=10");

        Assert.Equal(
            new IamgwResult(0, "8.2.1 90 %, 8.3.0 10 %: applied by every replica in 12 ms (revision 10).\n", ""),
            result);
        Assert.Equal("""{"weights":{"8.2.1":90,"8.3.0":10}}""", Assert.Single(_api.Requests).Body);
    }

    [Fact]
    public async Task WeightsSet_AReplicaIsSilent_NamesIt()
    {
        _api.On("PUT /api/v1/weights", new StubAnswer(
            202, """{"weights":{"8.2.1":100},"revision":10,"pending":["gw-2"]}"""));

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "weights", "set", "8.2.1=100");

        Assert.Equal(0, code);
        Assert.Contains("not yet applied by gw-2", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("weights set")]
    [InlineData("weights set 8.2.1")]
    [InlineData("weights set 8.2.1=x")]
    [InlineData("weights set 8.2.1=-5")]
    [InlineData("weights set 8.2.1=50 8.2.1=50")]
    [InlineData("rollout start")]
    [InlineData("rollout start --to 8.3.0 --steps 5:")]
    [InlineData("rollout start --to 8.3.0 --steps 0:10m")]
    [InlineData("rollout start --to 8.3.0 --steps 5:10m,101")]
    [InlineData("rollout start --to 8.3.0 --steps five")]
    [InlineData("rollout start --to 8.3.0 --on-failure panic")]
    [InlineData("rollout start --to 8.3.0 --existing-sessions drop")]
    [InlineData("rollout start --to 8.3.0 --max-error-rate much")]
    [InlineData("rollout revoke")]
    [InlineData("instances drain")]
    [InlineData("instances drain a --wait -1")]
    [InlineData("sessions lookup the-handle")]
    [InlineData("sessions lookup")]
    [InlineData("events --limit 501")]
    [InlineData("events --all --limit 5")]
    [InlineData("events --output /nonexistent/audit.jsonl")]
    [InlineData("status --api-key secret")]
    [InlineData("bogus")]
    [InlineData("completion")]
    public async Task CommandLine_ThatMakesNoSense_EndsWith2AndAsksNobody(string line)
    {
        var (code, output, errors) = await IamgwRun.AtAsync(_api.Address, line.Split(' '));

        Assert.Equal((2, ""), (code, output));
        Assert.NotEqual("", errors);
        Assert.Empty(_api.Requests);
    }

    [Theory]
    [InlineData("localhost:8081")]
    [InlineData("ftp://localhost")]
    [InlineData("http://ops:secret@localhost:8081")]
    public async Task Url_ThatIsNone_EndsWith2(string url)
    {
        var (code, _, errors) = await new IamgwRun().RunAsync(["status", "--url", url]);

        Assert.Equal(2, code);
        Assert.DoesNotContain("secret", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Url_OfTheEnvironment_IsUsedWithItsPath()
    {
        _api.On("GET /iamgw/api/v1/weights", SomeAnswers.Weights);
        var run = new IamgwRun();
        run.Environment["IAMGW_URL"] = $"{_api.Address}iamgw";

        Assert.Equal(0, (await run.RunAsync(["weights"])).ExitCode);
    }

    [Fact]
    public async Task Lookup_HandleOnStandardInput_IsSentAndNotShown()
    {
        _api.On(
            "POST /api/v1/sessions/lookup",
            """{"key":"c481","version":"8.2.1","bucket":5876,"lastSeen":"2026-03-01T03:00:00+00:00","inFlight":0}""");

        var (code, output, errors) =
            await new IamgwRun { Input = "the-handle\n" }.RunAsync(_api.Address, "sessions", "lookup");

        Assert.Equal(0, code);
        Assert.Contains("8.2.1", output, StringComparison.Ordinal);
        Assert.DoesNotContain("the-handle", output + errors, StringComparison.Ordinal);
        Assert.Equal("""{"handle":"the-handle"}""", Assert.Single(_api.Requests).Body);
    }

    [Fact]
    public async Task Forget_AReplica_SaysWhenItTakesEffect()
    {
        _api.On("DELETE /api/v1/replicas/gw-2:8081", new StubAnswer(202, """{"id":"12","name":"gw-2:8081"}"""));

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "replicas", "forget", "gw-2:8081");

        Assert.Equal((0, "gw-2:8081 is forgotten; it counts until RequestTimeout has passed.\n"), (code, output));
    }

    [Fact]
    public async Task Events_OfOthers_CannotCommandTheTerminal()
    {
        var e = JsonSerializer.Serialize(new { id = "1", who = "a\e[2Jb", what = "[red]x[/]", to = "\u202Ey" });
        _api.On("GET /api/v1/events", $"[{e}]");

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "events", "--after", "0");

        Assert.Equal(0, code);
        Assert.Contains("a?[2Jb [red]x[/] ?y", output, StringComparison.Ordinal);
        Assert.Equal("GET /api/v1/events?limit=50&after=0", Assert.Single(_api.Requests).Call);
    }
}
