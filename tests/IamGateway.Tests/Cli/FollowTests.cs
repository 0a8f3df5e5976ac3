using System.Text.Json;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Cli;

public sealed class FollowTests : IAsyncLifetime
{
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await StubApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Follow_StreamBreaksOff_GoesOnBehindTheLastEvent()
    {
        // The last events, and then, before each stream, whether the log still holds the last one of them.
        _api.On("GET /api/v1/events", Page(41), Page(41), Page(42), Page(43)).On(
            "GET /api/v1/events/stream", Stream(42), Stream(43),
            StubAnswer.Problem(401, "The key is no longer valid."));

        var (code, output, errors) = await IamgwRun.AtAsync(_api.Address, "events", "--follow", "--json");

        Assert.Equal(4, code);
        Assert.DoesNotContain("warning", errors, StringComparison.Ordinal);
        Assert.Equal(["41", "42", "43"], Ids(output));
        Assert.Equal(["41", "42", "43"], LastEventIds());
    }

    [Fact]
    public async Task Follow_LogHasBegunAnew_SaysSoAndReadsItFromItsBeginning()
    {
        // Another event 42, which a gateway with the embedded store has recorded since it was restarted.
        _api.On("GET /api/v1/events", Page(41), Page(41), new StubAnswer(200, $"[{Event(42, "02:00:00")}]")).On(
            "GET /api/v1/events/stream", Stream(42), Stream(1),
            StubAnswer.Problem(401, "The key is no longer valid."));

        var (code, output, errors) = await IamgwRun.AtAsync(_api.Address, "events", "--follow", "--json");

        Assert.Equal(4, code);
        Assert.Contains("does not hold event 42 any more", errors, StringComparison.Ordinal);
        Assert.Equal(["41", "42", "1"], Ids(output));
        Assert.Equal(["41", "0"], LastEventIds().Take(2));
    }

    [Fact]
    public async Task Follow_GatewayAwayForLonger_EndsWith3()
    {
        _api.On("GET /api/v1/events", "[]").On("GET /api/v1/events/stream", new StubAnswer(502, "no", "text/plain"));

        Assert.Equal(
            3, (await new IamgwRun { Patience = TimeSpan.Zero }.RunAsync(_api.Address, "events", "-f")).ExitCode);
    }

    /// <summary>Fault: a network that lost the connection without a word ended the following without a word.</summary>
    [Fact]
    public async Task Follow_StreamWithoutASignOfLife_IsOpenedAnew()
    {
        var streams = 0;
        await using var gateway = await Backend.StartAsync("stub", async http =>
        {
            if (!http.Request.Path.Value!.EndsWith("stream", StringComparison.Ordinal))
            {
                await http.Response.WriteAsJsonAsync(Array.Empty<object>());
                return;
            }

            if (Interlocked.Increment(ref streams) > 1)
            {
                http.Response.StatusCode = StatusCodes.Status401Unauthorized;
                return;
            }

            http.Response.ContentType = "text/event-stream";
            await http.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, http.RequestAborted);
        });
        var time = new FakeTimeProvider();
        var run = new IamgwRun { Time = time }.RunAsync(gateway.Address, "events", "--follow");

        await Eventually.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(20));
            return run.IsCompleted;
        });

        Assert.Equal((4, 2), ((await run).ExitCode, streams));
    }

    private IEnumerable<string> LastEventIds() => _api.Requests
        .Where(r => r.Call.EndsWith("stream", StringComparison.Ordinal)).Select(r => r.Headers["Last-Event-ID"]);

    private static IEnumerable<string?> Ids(string lines) => lines.TrimEnd().Split('\n')
        .Where(l => l.StartsWith("{\"id\"", StringComparison.Ordinal))
        .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("id").GetString());

    private static string Event(int id, string time) =>
        $$"""{"id":"{{id}}","at":"2026-03-01T{{time}}+00:00","who":"ops"}""";

    private static StubAnswer Page(int id) => new(200, $"[{Event(id, "03:00:00")}]");

    private static StubAnswer Stream(int id) => new(
        200, $":\n\nid: {id}\nevent: event\ndata: {Event(id, "03:00:00")}\n\n", "text/event-stream");
}
