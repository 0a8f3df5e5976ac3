using System.Text.Json;
using System.Text.Json.Nodes;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Cli;

/// <summary>The doctor's visit to an admin API; what it makes of it is in <see cref="DoctorJudgeTests"/>.</summary>
public sealed class DoctorTests : IAsyncLifetime
{
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = (await StubApi.StartAsync())
        .On("GET /health/ready", """{"status":"UP"}""")
        .On("GET /api/v1/weights", SomeAnswers.Weights)
        .On("PUT /api/v1/weights", StubAnswer.Problem(400, "weights is missing."))
        .On("DELETE /api/v1/sessions/none", StubAnswer.Problem(400, "key: 'none' is not a key."))
        .On("GET /api/v1/status", SomeAnswers.Status)
        .On("GET /api/v1/replicas", SomeAnswers.Replicas)
        .On("GET /api/v1/instances", SomeAnswers.Instances);

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Doctor_AllIsWell_EndsWith0AndAsksForNothingThatChanges()
    {
        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "doctor");

        Assert.Equal(0, code);
        Assert.Contains("the role is admin", output, StringComparison.Ordinal);
        Assert.EndsWith("Nothing is wrong.\n", output, StringComparison.Ordinal);
        Assert.Equal(
            ["DELETE /api/v1/sessions/none ", "PUT /api/v1/weights {}"],
            _api.Requests.Where(r => !r.Call.StartsWith("GET", StringComparison.Ordinal))
                .Select(r => $"{r.Call} {r.Body}").Order());
    }

    [Theory]
    [InlineData(403, 403, "viewer")]
    [InlineData(400, 403, "operator")]
    public async Task Doctor_KeyOfALowerRole_NamesIt(int weights, int sessions, string role)
    {
        _api.On("PUT /api/v1/weights", StubAnswer.Problem(weights, "No."))
            .On("DELETE /api/v1/sessions/none", StubAnswer.Problem(sessions, "No."));

        var (_, output, _) = await IamgwRun.AtAsync(_api.Address, "doctor");

        Assert.Contains($"role is {role}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_ReplicaCatchesUpWhileItLooks_IsNoFault()
    {
        _api.On(
            "GET /api/v1/replicas",
            new StubAnswer(200, SomeAnswers.Replicas.Replace(
                "\"acknowledgedRevision\":9", "\"acknowledgedRevision\":8", StringComparison.Ordinal)),
            new StubAnswer(200, SomeAnswers.Replicas));

        Assert.Equal(0, (await IamgwRun.AtAsync(_api.Address, "doctor")).ExitCode);
    }

    [Fact]
    public async Task Doctor_ReplicaIsSilent_EndsWith1AndSaysWhatToDo()
    {
        var replicas = JsonNode.Parse(SomeAnswers.Replicas)!;
        replicas[1]!["acknowledgedRevision"] = 8;
        _api.On("GET /api/v1/replicas", replicas.ToJsonString());

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "doctor");

        Assert.Equal(1, code);
        Assert.Contains("wrong replicas: Silent: gw-2:8081 at 8; the revision is 9", output, StringComparison.Ordinal);
        Assert.Contains("iamgw replicas forget NAME", output, StringComparison.Ordinal);
        Assert.EndsWith("2 of 9 checks found something wrong.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_GatewayIsNotReady_TellsItsReasonAndGoesOn()
    {
        _api.On("GET /health/ready", new StubAnswer(503, """{"status":"DOWN","reason":"The store is away."}"""));

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "doctor");

        Assert.Equal(1, code);
        Assert.Contains("not ready: The store is away.", output, StringComparison.Ordinal);
        Assert.Contains("ok    store: The store (redis) is up.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_KeyIsRefused_EndsWith1()
    {
        _api.On("GET /api/v1/weights", StubAnswer.Problem(401, "No."));

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "doctor");

        Assert.Equal(1, code);
        Assert.Contains("wrong credentials: The gateway does not accept", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_NobodyAnswersWithJson_PrintsTheFinding()
    {
        var url = new Uri($"http://127.0.0.1:{Ports.Next()}");

        var (code, output, _) = await IamgwRun.AtAsync(url, "doctor", "--json");

        Assert.Equal(1, code);
        var finding = Assert.Single(JsonDocument.Parse(output).RootElement.EnumerateArray());
        Assert.Equal("address", finding.GetProperty("check").GetString());
        Assert.Equal("wrong", finding.GetProperty("result").GetString());
    }
}
