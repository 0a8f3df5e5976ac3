namespace IamGateway.Tests.Cli;

public sealed class DrainTests : IAsyncLifetime
{
    private const string Drain = "POST /api/v1/instances/old-1/drain";
    private const string List = "GET /api/v1/instances";
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await StubApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Drain_WithoutWaiting_TellsWhatIsLeft()
    {
        _api.On(Drain, One("draining", 3));

        var result = await RunAsync();

        Assert.Equal(
            new IamgwResult(0, "old-1 is draining; 3 requests are at work on it. See iamgw instances list.\n", ""),
            result);
    }

    [Fact]
    public async Task Drain_Waiting_EndsWhenItIsDrained()
    {
        _api.On(Drain, One("draining", 3))
            .On(List, Ok($"[{One("draining", 1)}]"), Ok($"[{One("drained", 0)}]"));

        Assert.Equal(
            new IamgwResult(0, "old-1 is drained; nothing is left on it.\n", ""), await RunAsync("--wait", "60"));
        Assert.Equal(2, _api.Requests.Count(r => r.Call == List));
    }

    [Fact]
    public async Task Drain_NotDrainedInTime_EndsWith7AndTellsWhatIsLeft()
    {
        _api.On(Drain, One("draining", 3)).On(List, $"[{One("draining", 2)}]");

        Assert.Equal(
            new IamgwResult(7, "", "old-1 was not drained within 0 s: 2 requests are at work on it.\n"),
            await RunAsync("--wait", "0"));
    }

    [Fact]
    public async Task Drain_NotDrainedInTimeWithJson_PrintsTheInstance()
    {
        _api.On(Drain, One("draining", 3)).On(List, $"[{One("draining", 2)}]");

        var (code, output, _) = await RunAsync("--wait", "0", "--json");

        Assert.Equal(7, code);
        Assert.Equal(One("draining", 2) + "\n", output);
    }

    [Fact]
    public async Task Drain_Forced_SaysSo()
    {
        _api.On(Drain, One("drained", 0));

        await RunAsync("--force");

        Assert.Equal(Drain + "?force=true", Assert.Single(_api.Requests).Call);
    }

    [Fact]
    public async Task Drain_InstanceIsRemovedMeanwhile_EndsWith5()
    {
        _api.On(Drain, One("draining", 3)).On(List, "[]");

        Assert.Equal(5, (await RunAsync("--wait", "60")).ExitCode);
    }

    [Fact]
    public async Task Resume_OfAnInstance_TellsItsState()
    {
        _api.On("POST /api/v1/instances/old-1/resume", One("active", 0));

        Assert.Equal(
            new IamgwResult(0, "old-1 is active.\n", ""),
            await IamgwRun.AtAsync(_api.Address, "instances", "resume", "old-1"));
    }

    private Task<IamgwResult> RunAsync(params string[] options) =>
        IamgwRun.AtAsync(_api.Address, ["instances", "drain", "old-1", .. options]);

    private static string One(string state, int inFlight) =>
        $$"""{"id":"old-1","version":"8.2.1","health":"healthy","state":"{{state}}","inFlight":{{inFlight}}}""";

    private static StubAnswer Ok(string body) => new(200, body);
}
