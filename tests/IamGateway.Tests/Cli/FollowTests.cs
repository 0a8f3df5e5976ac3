namespace IamGateway.Tests.Cli;

public sealed class FollowTests : IAsyncLifetime
{
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await StubApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Follow_StreamBreaksOff_GoesOnBehindTheLastEvent()
    {
        _api.On("GET /api/v1/events", SomeAnswers.Events).On(
            "GET /api/v1/events/stream", Stream(42), Stream(43),
            StubAnswer.Problem(401, "The key is no longer valid."));

        var (code, output, _) = await IamgwRun.AtAsync(_api.Address, "events", "--follow", "--json");

        Assert.Equal(4, code);
        Assert.Equal(
            ["41", "42", "43"],
            output.Replace(",\n  ", ",", StringComparison.Ordinal).TrimEnd().Split('\n')
                .Where(l => l.Contains("\"id\"", StringComparison.Ordinal)).Select(l => l.Split('"')[3]));
        Assert.Equal(
            ["41", "42", "43"],
            _api.Requests.Where(r => r.Call.EndsWith("stream", StringComparison.Ordinal))
                .Select(r => r.Headers["Last-Event-ID"]));
    }

    [Fact]
    public async Task Follow_GatewayAwayForLonger_EndsWith3()
    {
        _api.On("GET /api/v1/events", "[]").On("GET /api/v1/events/stream", new StubAnswer(502, "no", "text/plain"));

        Assert.Equal(
            3, (await new IamgwRun { Patience = TimeSpan.Zero }.RunAsync(_api.Address, "events", "-f")).ExitCode);
    }

    private static StubAnswer Stream(int id) => new(
        200, $":\n\nid: {id}\nevent: event\ndata: {{\"id\":\"{id}\",\"who\":\"ops\"}}\n\n", "text/event-stream");
}
