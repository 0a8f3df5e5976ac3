using System.Text.Json;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Cli;

/// <summary>What the program says and ends with when the gateway does not do what it is told.</summary>
public sealed class ProblemTests : IAsyncLifetime
{
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await StubApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Theory]
    [InlineData(400, 1)]
    [InlineData(403, 4)]
    [InlineData(404, 5)]
    [InlineData(409, 1)]
    [InlineData(412, 1)]
    [InlineData(500, 1)]
    [InlineData(503, 1)]
    public async Task Problem_OfTheGateway_IsOneSentenceAndAnExitCode(int status, int expected)
    {
        _api.On("GET /api/v1/weights", StubAnswer.Problem(status, "Do this instead."));

        var (code, output, errors) = await IamgwRun.AtAsync(_api.Address, "weights");

        Assert.Equal((expected, ""), (code, output));
        Assert.StartsWith("Do this instead.", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Problem_WithJson_IsOnStandardOutputToo()
    {
        var problem = StubAnswer.Problem(409, "Not now.");
        _api.On("GET /api/v1/weights", problem);

        Assert.Equal(
            new IamgwResult(1, problem.Body + "\n", "Not now.\n"),
            await IamgwRun.AtAsync(_api.Address, "weights", "--json"));
    }

    [Theory]
    [InlineData(404, "text/html")]
    [InlineData(502, "text/plain")]
    [InlineData(200, "text/html")]
    [InlineData(404, "application/json")]
    public async Task Answer_ThatIsNotOfTheAdminApi_SaysThatTheAddressIsWrong(int status, string type)
    {
        _api.On("GET /api/v1/weights", new StubAnswer(status, "\"hello\"", type));

        var (code, _, errors) = await IamgwRun.AtAsync(_api.Address, "weights");

        Assert.Equal(3, code);
        Assert.Contains("admin listener", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Address_WhereNobodyListens_EndsWith3AndNamesIt()
    {
        var url = new Uri($"http://127.0.0.1:{Ports.Next()}");

        var (code, _, errors) = await IamgwRun.AtAsync(url, "status");

        Assert.Equal(3, code);
        Assert.Contains($"cannot be reached at {url}", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirect_ToElsewhere_IsNotFollowedWithTheKey()
    {
        await using var elsewhere = await StubApi.StartAsync();
        _api.On("GET /api/v1/weights", new StubAnswer(302, "", "text/html", $"{elsewhere.Address}api/v1/weights"));

        Assert.Equal(3, (await IamgwRun.AtAsync(_api.Address, "weights")).ExitCode);
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task Start_PreconditionsFail_ListsThoseAndHowToMeetThem()
    {
        _api.On("POST /api/v1/rollouts", StubAnswer.Problem(409, "All of it. In one.", """
            ,"preconditions":[{"name":"store","passed":true,"detail":"It is up."},
            {"name":"schema_upgraded","passed":false,"detail":"Nobody says so."},
            {"name":"replicas","passed":false,"detail":"gw-2 does not answer."}]
            """));

        var (code, output, errors) = await IamgwRun.AtAsync(_api.Address, "rollout", "start", "--to", "8.3.0");

        Assert.Equal((1, ""), (code, output));
        Assert.Equal(
            [
                "The rollout cannot begin: 2 preconditions do not hold.",
                "  schema_upgraded: Nobody says so. Here: --schema-upgraded.",
                "  replicas: gw-2 does not answer. Here: iamgw replicas, and iamgw replicas forget for a dead one.",
            ],
            errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Problem_WithControlCharacters_CannotCommandTheTerminal()
    {
        var detail = JsonSerializer.Serialize("\e]0;title\a line\r\nnext")[1..^1];
        _api.On("GET /api/v1/weights", StubAnswer.Problem(409, detail));

        var (_, _, errors) = await IamgwRun.AtAsync(_api.Address, "weights");

        Assert.Equal("?]0;title? line? next\n", errors);
    }
}
