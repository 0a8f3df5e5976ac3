using System.Net;
using System.Text.Json;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Admin;

public sealed class EventsApiTests(AdminServer server, RedisServer redis)
    : IClassFixture<AdminServer>, IClassFixture<RedisServer>
{
    [Fact]
    public async Task Events_ReadOnAfterAnId_AreOldestFirstAndOnlyTheLater()
    {
        await server.Gateway.SetWeightsAsync(("8.2.1", 100));
        var last = (await server.GetAsync("/api/v1/events")).EnumerateArray().Last().Text("id");
        await server.OkAsync("POST", "/api/v1/instances/new/drain");
        await server.OkAsync("POST", "/api/v1/instances/new/resume");
        var later = await server.GetAsync($"/api/v1/events?after={last}");
        var page = await server.GetAsync($"/api/v1/events?after={last}&limit=1");

        Assert.Equal(["instance.drain", "instance.resume"], later.EnumerateArray().Select(e => e.Text("what")));
        Assert.Equal("instance.drain", Assert.Single(page.EnumerateArray()).Text("what"));
        Assert.All(later.EnumerateArray(), e => Assert.Equal("at from id result revision to what who", e.Fields()));
        Assert.All(later.EnumerateArray(), e => Assert.Equal("test-admin", e.Text("who")));
    }

    [Fact]
    public async Task Stream_AfterTheLastEvent_BeginsAtOnceAndShowsTheNextOne()
    {
        await server.Gateway.SetWeightsAsync(("8.2.1", 100));
        var last = (await server.GetAsync("/api/v1/events")).EnumerateArray().Last().Text("id");
        // Fault: the headers came with the first event, so a reader that is up to date could not tell it was connected.
        using var response = await OpenAsync($"/api/v1/events/stream?after={last}");
        await server.OkAsync("POST", "/api/v1/instances/new/drain");
        await server.OkAsync("POST", "/api/v1/instances/new/resume");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var first = await NextAsync(reader);
        var second = await NextAsync(reader);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("instance.drain", first.Data.Text("what"));
        Assert.Equal("at from id result revision to what who", first.Data.Fields());
        Assert.Equal(first.Data.Text("id"), first.Id);
        Assert.Equal("instance.resume", second.Data.Text("what"));
    }

    [Fact]
    public async Task Stream_LastEventId_ReadsOnWhereTheReaderWas()
    {
        await server.OkAsync("POST", "/api/v1/instances/new/drain");
        await server.OkAsync("POST", "/api/v1/instances/new/resume");
        var events = (await server.GetAsync("/api/v1/events")).EnumerateArray().ToArray();
        using var response = await OpenAsync("/api/v1/events/stream", events[^2].Text("id"));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());

        Assert.Equal(events[^1].Text("id"), (await NextAsync(reader)).Id);
    }

    /// <summary>
    /// Fault: an "after" that is no id began the embedded log anew, and on Redis counted as a failure of the store:
    /// a reader could take the store away from everybody with three calls.
    /// </summary>
    [Theory]
    [InlineData("/api/v1/events?after=abc", "after")]
    [InlineData("/api/v1/events?after=-1", "after")]
    [InlineData("/api/v1/events?after=99999999999999999999999999", "after")]
    [InlineData("/api/v1/events/stream?after=abc", "after")]
    [InlineData("/api/v1/events?limit=0", "limit")]
    [InlineData("/api/v1/events?limit=501", "limit")]
    [InlineData("/api/v1/events?limit=many", "limit")]
    public async Task Events_BadParameter_IsNamedOnBothStoresAndHurtsNobody(string path, string word)
    {
        await using var onRedis = await AdminServer.StartAsync(("ConnectionStrings:Redis", redis.ConnectionString));
        foreach (var store in (AdminServer[])[server, onRedis])
        {
            for (var i = 0; i < 4; i++)
            {
                using var response = await store.SendAsync("GET", path);
                await Problem.AssertAsync(response, 400, word);
            }

            Assert.True((await store.GetAsync("/api/v1/status")).GetProperty("store").GetProperty("up").GetBoolean());
            Assert.Equal(0, await store.Gateway.MetricAsync("iamgateway_store_errors_total{operation=\"events\"}"));
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(string path, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await server.Gateway.Admin.SendAsync(request, HttpCompletionOption.ResponseHeadersRead)
            .WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    private static async Task<(string? Id, JsonElement Data)> NextAsync(StreamReader reader)
    {
        string? id = null;
        JsonElement? data = null;
        while (await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20)) is { } line)
        {
            if (line.Length == 0 && data is not null)
                return (id, data.Value);
            if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = line[4..];
            if (line.StartsWith("data: ", StringComparison.Ordinal))
                data = JsonDocument.Parse(line[6..]).RootElement;
        }

        throw new InvalidOperationException("The stream has ended.");
    }
}
