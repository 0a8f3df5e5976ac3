using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using IamGateway.Tests.Admin;

namespace IamGateway.Tests.Rollouts;

/// <summary>The resource and what is refused. No test lets a rollout begin but those that say so.</summary>
public sealed class RolloutsApiTests : IAsyncLifetime
{
    private const string Rollouts = "/api/v1/rollouts";
    private readonly AdminServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private Task<JsonElement> BeginAsync(string fields = "") =>
        _server.OkAsync("POST", Rollouts, RolloutSite.Order(fields), HttpStatusCode.Created);

    [Fact]
    public async Task Begin_OnlyTheVersionNamed_HasTheDocumentedDefaults()
    {
        var rollout = await BeginAsync();

        Assert.Equal(
            "allowSkip analysis createdAt createdBy drain drainDeadline executor existingSessions from holdEndsAt id "
            + "measurements message preconditions revision schemaUpgraded state step steps to transitions updatedAt "
            + "waitingFor",
            rollout.Fields());
        Assert.Equal(
            ("8.2.1", "8.3.0", "migrate", "8h", "test-admin"),
            (rollout.Text("from"), rollout.Text("to"), rollout.Text("existingSessions"),
                rollout.Text("drainDeadline"), rollout.Text("createdBy")));
        Assert.Equal(
            """{"maxErrorRate":0.01,"maxP99Ratio":2,"minRequests":200,"maxRefusalRate":0.01,"onFailure":"pause"}""",
            rollout.GetProperty("analysis").GetRawText());
        Assert.Equal(
            ["5 10m", "25 10m", "50 10m", "100 10m"],
            rollout.GetProperty("steps").EnumerateArray().Select(s => $"{s.GetProperty("weight")} {s.Text("hold")}"));
        Assert.Equal("""
            {"old":{"version":"8.2.1","requests":0,"errorRate":0,"p99":0},"new":{"version":"8.3.0","requests":0,"errorRate":0,"p99":0},"refusals":0,"violations":0}
            """, rollout.GetProperty("measurements").GetRawText());
        Assert.Equal(12, rollout.GetProperty("preconditions").GetArrayLength());
        Assert.All(rollout.GetProperty("preconditions").EnumerateArray(), p => Assert.Equal(
            "detail name passed", p.Fields()));
        Assert.Equal(
            "at reason revision state who", rollout.GetProperty("transitions").EnumerateArray().First().Fields());
        Assert.Equal("endedAt hold startedAt state weight", rollout.GetProperty("steps")[0].Fields());
    }

    [Fact]
    public void Defaults_InTheReadme_AreAsInTheCode()
    {
        var text = Repository.Read("README.md");
        var start = text.IndexOf("This order spells all of them out:", StringComparison.Ordinal);
        var begin = text.IndexOf('{', start);
        var json = text[begin..text.IndexOf("```\n\n", begin, StringComparison.Ordinal)];
        var options = new IamGateway.Configuration.GatewayOptions();

        IamGateway.Admin.RolloutBodyReader.TryRead(
            JsonSerializer.Deserialize<IamGateway.Admin.RolloutBody>(json, JsonSerializerOptions.Web)!, options,
            out var spelled, out _);
        IamGateway.Admin.RolloutBodyReader.TryRead(
            JsonSerializer.Deserialize<IamGateway.Admin.RolloutBody>(
                """{"to":"8.3.0"}""", JsonSerializerOptions.Web)!, options, out var standard, out _);

        Assert.Equal(standard!.Steps, spelled!.Steps);
        Assert.Equal(standard with { Steps = [] }, spelled with { Steps = [] });
    }

    [Fact]
    public async Task Begin_StepsWithoutOneHundred_GetItAsTheLast()
    {
        var rollout = await BeginAsync("""
            "steps":[{"weight":1,"hold":"90s"},{"weight":20},{"weight":30,"hold":"manual"}]
            """);

        Assert.Equal(
            ["1 1m30s", "20 10m", "30 manual", "100 0s"],
            rollout.GetProperty("steps").EnumerateArray().Select(s => $"{s.GetProperty("weight")} {s.Text("hold")}"));
    }

    [Fact]
    public async Task Begin_DryRun_ShowsThePreconditionsAndChangesNothing()
    {
        var before = await _server.StateAsync();
        var dry = await _server.OkAsync("POST", $"{Rollouts}?dryRun=true", """{"to":"8.3.0"}""");

        var failed = Assert.Single(
            dry.GetProperty("preconditions").EnumerateArray(), p => !p.GetProperty("passed").GetBoolean());
        Assert.Equal("schema_upgraded", failed.Text("name"));
        Assert.Equal(before, await _server.StateAsync());
        Assert.Equal("[]", (await _server.GetAsync(Rollouts)).GetRawText());
    }

    [Fact]
    public async Task Begin_PreconditionsFail_AnswersAllOfThemAtOnceAndBeginsNothing()
    {
        await _server.OkAsync("POST", "/api/v1/instances/old/drain?force=true");
        var before = await _server.StateAsync();
        using var response = await _server.SendAsync("POST", Rollouts, """{"to":"8.3.0"}""");

        var problem = await Problem.AssertAsync(response, 409, "schema");
        Assert.Equal("preconditions_failed", problem.Text("code"));
        Assert.Equal(
            ["instances", "schema_upgraded"],
            problem.GetProperty("preconditions").EnumerateArray().Where(p => !p.GetProperty("passed").GetBoolean())
                .Select(p => p.Text("name")));
        Assert.Equal(12, problem.GetProperty("preconditions").GetArrayLength());
        Assert.Contains("old (8.2.1) is draining", problem.Text("detail"), StringComparison.Ordinal);
        Assert.Equal(before, await _server.StateAsync());
    }

    [Theory]
    [InlineData("{}", "to is missing")]
    [InlineData("""{"to":"8.3"}""", "to: '8.3'")]
    [InlineData("""{"to":"8.3.0","existingSessions":"move"}""", "existingSessions: 'move'")]
    [InlineData("""{"to":"8.3.0","existingSessions":1}""", "existingSessions has the wrong type")]
    [InlineData("""{"to":"8.3.0","step":[]}""", "step is no field here; known are to, existingSessions")]
    [InlineData("""{"to":"8.3.0","steps":[]}""", "steps must be a list of 1 to 50")]
    [InlineData("""{"to":"8.3.0","steps":{}}""", "steps has the wrong type")]
    [InlineData("""{"to":"8.3.0","steps":[null]}""", "steps[0].weight must be an integer")]
    [InlineData("""{"to":"8.3.0","steps":[{"hold":"1m"}]}""", "steps[0].weight must be an integer")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":0}]}""", "steps[0].weight must be an integer from 1 to 100")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":101}]}""", "steps[0].weight must be an integer from 1 to 100")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":5.5}]}""", "steps[0].weight has the wrong type")]
    [InlineData("""{"to":"8.3.0","steps":[{"weigth":5}]}""", "steps[0].weigth is no field here; known are weight")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":50},{"weight":25}]}""", "steps[1].weight is 25, and the step")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":50},{"weight":50}]}""", "steps[1].weight is 50, and the step")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":5,"hold":"ten"}]}""", "steps[0].hold: 'ten' is not manual")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":5,"hold":600}]}""", "steps[0].hold has the wrong type")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":5,"hold":"-1m"}]}""", "steps[0].hold: '-1m'")]
    [InlineData("""{"to":"8.3.0","steps":[{"weight":5,"hold":"8d"}]}""", "at most 7d")]
    [InlineData("""{"to":"8.3.0","drainDeadline":"manual"}""", "drainDeadline: 'manual'")]
    [InlineData("""{"to":"8.3.0","drainDeadline":"91d"}""", "at most 90d")]
    [InlineData("""{"to":"8.3.0","analysis":{"maxErrorRate":1.1}}""", "analysis.maxErrorRate")]
    [InlineData("""{"to":"8.3.0","analysis":{"maxErrorRate":-0.1}}""", "analysis.maxErrorRate")]
    [InlineData("""{"to":"8.3.0","analysis":{"maxErrorRate":"1%"}}""", "analysis.maxErrorRate has the wrong type")]
    [InlineData("""{"to":"8.3.0","analysis":{"maxP99Ratio":0.9}}""", "analysis.maxP99Ratio")]
    [InlineData("""{"to":"8.3.0","analysis":{"minRequests":-1}}""", "analysis.minRequests")]
    [InlineData("""{"to":"8.3.0","analysis":{"maxRefusalRate":2}}""", "analysis.maxRefusalRate")]
    [InlineData("""{"to":"8.3.0","analysis":{"onFailure":"stop"}}""", "analysis.onFailure: 'stop'")]
    [InlineData("""{"to":"8.3.0","analysis":{"errors":1}}""", "analysis.errors is no field here; known are maxE")]
    [InlineData("""{"to":"8.3.0","to":"8.4.0"}""", "to is given twice")]
    [InlineData("""{"to":"8.3.0","schemaUpgraded":"yes"}""", "schemaUpgraded has the wrong type")]
    public async Task Begin_BadInput_IsRefusedWithTheField(string body, string word)
    {
        var before = await _server.StateAsync();
        using var response = await _server.SendAsync("POST", Rollouts, body);

        await Problem.AssertAsync(response, 400, word);
        Assert.Equal(before, await _server.StateAsync());
    }

    [Fact]
    public async Task Begin_DryRunThatIsNeitherTrueNorFalse_IsRefused()
    {
        using var response = await _server.SendAsync("POST", $"{Rollouts}?dryRun=yes", RolloutSite.Order());

        await Problem.AssertAsync(response, 400, "dryRun");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"confirm":"8.2.1"}""")]
    [InlineData("""{"confirm":true}""")]
    public async Task Revoke_ConfirmMissingOrWrong_IsRefused(string body)
    {
        await BeginAsync();
        using var response = await _server.SendAsync("POST", $"{Rollouts}/current/revoke", body);

        await Problem.AssertAsync(response, 400, "confirm");
    }

    [Fact]
    public async Task Revoke_Operator_IsNotAllowed()
    {
        await BeginAsync();
        using var response = await _server.SendAsync(
            "POST", $"{Rollouts}/current/revoke", """{"confirm":"8.3.0"}""", "operator");

        await Problem.AssertAsync(response, 403, "role");
    }

    [Theory]
    [InlineData("current", "There has been no rollout yet")]
    [InlineData("abc", "There is no rollout 'abc'")]
    public async Task Get_NoSuchRollout_IsNotFound(string id, string word)
    {
        foreach (var (method, path) in new[] { ("GET", ""), ("POST", "/pause"), ("POST", "/abort") })
        {
            using var response = await _server.SendAsync(method, $"{Rollouts}/{id}{path}");
            await Problem.AssertAsync(response, 404, word);
        }
    }

    [Fact]
    public async Task Begin_AnotherUnderWay_IsRefused()
    {
        var first = await BeginAsync();
        using var response = await _server.SendAsync("POST", Rollouts, RolloutSite.Order());

        await Problem.AssertAsync(response, 409, $"Rollout {first.Text("id")} to 8.3.0 is under way");
    }

    [Fact]
    public async Task Ended_Rollout_StaysReadableAndRefusesCommands()
    {
        var id = (await BeginAsync()).Text("id");
        Assert.Equal("aborted", (await _server.OkAsync("POST", $"{Rollouts}/{id}/abort")).Text("state"));
        using var response = await _server.SendAsync("POST", $"{Rollouts}/{id}/resume");

        Assert.Equal("rollout_ended", (await Problem.AssertAsync(response, 409, "it is aborted")).Text("code"));
        Assert.Equal("aborted", (await _server.GetAsync($"{Rollouts}/current")).Text("state"));
        Assert.Equal(JsonValueKind.Null, (await _server.GetAsync("/api/v1/status")).GetProperty("rollout").ValueKind);
        var second = await BeginAsync();
        Assert.Equal(
            [second.Text("id"), id],
            (await _server.GetAsync(Rollouts)).EnumerateArray().Select(r => r.Text("id")));
        Assert.Equal("aborted", (await _server.GetAsync($"{Rollouts}/{id}")).Text("state"));
        Assert.Equal(
            second.Text("id"), (await _server.GetAsync("/api/v1/status")).GetProperty("rollout").Text("id"));
    }

    [Fact]
    public async Task Begin_Location_IsThatOfTheRollout()
    {
        using var response = await _server.SendAsync("POST", Rollouts, RolloutSite.Order());
        var rollout = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal($"{Rollouts}/{rollout.Text("id")}", response.Headers.Location?.ToString());
        Assert.Equal(
            rollout.Text("id"), (await _server.GetAsync(response.Headers.Location!.ToString())).Text("id"));
    }
}
