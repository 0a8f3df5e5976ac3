using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Admin;

public sealed class InstancesApiTests : IAsyncLifetime
{
    private readonly AdminServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Put_NewInstance_GetsRequestsAtOnce()
    {
        await using var third = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "third" }, new MemorySessionState());
        var reply = await _server.OkAsync(
            "PUT", "/api/v1/instances/third", $$"""{"address":"{{third.Address}}","version":"8.2.1"}""");

        Assert.Equal("address health id inFlight reason reportedVersion sessions state version", reply.Fields());
        Assert.Equal(("third", "active", "8.2.1"), (reply.Text("id"), reply.Text("state"), reply.Text("version")));
        await _server.OkAsync("POST", "/api/v1/instances/old/drain");
        Assert.Equal("third", await ServedByAsync());
    }

    [Fact]
    public async Task Put_InstanceOfAnUnknownVersion_RegistersTheVersion()
    {
        await _server.OkAsync(
            "PUT", "/api/v1/instances/next", """{"address":"http://127.0.0.1:9","version":"9.0.0"}""");

        Assert.Equal("registered", (await _server.GetAsync("/api/v1/versions")).One("version", "9.0.0").Text("state"));
    }

    [Fact]
    public async Task Put_TheSameTwice_ChangesNothingTheSecondTime()
    {
        const string Body = """{"address":"http://127.0.0.1:9","version":"8.2.1"}""";
        await _server.OkAsync("PUT", "/api/v1/instances/third", Body);
        var before = await _server.StateAsync();
        await _server.OkAsync("PUT", "/api/v1/instances/third", Body);

        Assert.Equal(before, await _server.StateAsync());
    }

    [Fact]
    public async Task Delete_InstanceOfTheApi_RemovesIt()
    {
        await _server.OkAsync(
            "PUT", "/api/v1/instances/third", """{"address":"http://127.0.0.1:9","version":"8.2.1"}""");
        using var response = await _server.SendAsync("DELETE", "/api/v1/instances/third");

        Assert.Equal(204, (int)response.StatusCode);
        Assert.DoesNotContain(
            "third", (await _server.GetAsync("/api/v1/instances")).EnumerateArray().Select(i => i.Text("id")));
    }

    [Fact]
    public async Task Delete_InstanceOfTheConfiguration_IsRefused()
    {
        var before = await _server.StateAsync();
        using var response = await _server.SendAsync("DELETE", "/api/v1/instances/new");

        await Problem.AssertAsync(response, 409, "configuration");
        Assert.Equal(before, await _server.StateAsync());
    }

    /// <summary>Fault: only drain asked whether anything is left that can serve.</summary>
    [Fact]
    public async Task Delete_LastInstanceThatServes_IsRefusedUnlessForced()
    {
        await _server.OkAsync(
            "PUT", "/api/v1/instances/third", """{"address":"http://127.0.0.1:9","version":"8.2.1"}""");
        await _server.OkAsync("POST", "/api/v1/instances/old/drain");
        var before = await _server.StateAsync();
        using var refused = await _server.SendAsync("DELETE", "/api/v1/instances/third");

        await Problem.AssertAsync(refused, 409, "third");
        Assert.Equal(before, await _server.StateAsync());
        using var forced = await _server.SendAsync("DELETE", "/api/v1/instances/third?force=true");
        Assert.Equal(204, (int)forced.StatusCode);
    }

    [Fact]
    public async Task Drain_IdleInstance_IsDrainedAndResumeTakesItBack()
    {
        var drained = await _server.OkAsync("POST", "/api/v1/instances/new/drain");
        var resumed = await _server.OkAsync("POST", "/api/v1/instances/new/resume");

        Assert.Equal("drained", drained.Text("state"));
        Assert.Equal("active", resumed.Text("state"));
        var events = await _server.GetAsync("/api/v1/events");
        Assert.Equal("new", events.One("what", "instance.drain").Text("to"));
        Assert.Equal("new", events.One("what", "instance.resume").Text("to"));
    }

    [Fact]
    public async Task Drain_BusyInstance_IsDrainedOnlyWhenItsLastRequestHasEnded()
    {
        var address = new UriBuilder(_server.AddressOf("old")) { Host = "localhost" }.Uri;
        await _server.OkAsync(
            "PUT", "/api/v1/instances/third", $$"""{"address":"{{address}}","version":"8.2.1"}""");
        using var client = new HttpClient { BaseAddress = _server.Gateway.Proxy };
        await _server.OkAsync("POST", "/api/v1/instances/third/drain");
        // A body that has not come to its end keeps its request at work on the instance.
        var body = new OpenEndedContent();
        var upload = client.PostAsync("/upload", body);
        await body.Started;
        await UntilAsync(async () => (await InstanceAsync("old")).GetProperty("inFlight").GetInt32() == 1);
        await _server.OkAsync("POST", "/api/v1/instances/third/resume");
        var draining = await _server.OkAsync("POST", "/api/v1/instances/old/drain");
        body.End();
        (await upload).Dispose();

        Assert.Equal("draining", draining.Text("state"));
        Assert.Equal(1, draining.GetProperty("inFlight").GetInt32());
        await UntilAsync(async () => (await InstanceAsync("old")).Text("state") == "drained");
    }

    [Fact]
    public async Task Drain_LastInstanceThatServes_IsRefusedUnlessForced()
    {
        var before = await _server.StateAsync();
        using var refused = await _server.SendAsync("POST", "/api/v1/instances/old/drain");

        await Problem.AssertAsync(refused, 409, "old");
        Assert.Equal(before, await _server.StateAsync());
        Assert.Equal(
            "drained", (await _server.OkAsync("POST", "/api/v1/instances/old/drain?force=true")).Text("state"));
    }

    private async Task<JsonElement> InstanceAsync(string id) =>
        (await _server.GetAsync("/api/v1/instances")).One("id", id);

    private async Task<string?> ServedByAsync()
    {
        using var client = new HttpClient { BaseAddress = _server.Gateway.Proxy };
        return JsonDocument.Parse(await client.GetStringAsync("/health")).RootElement.Text("instance");
    }

    private sealed class OpenEndedContent : HttpContent
    {
        private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Started => _started.Task;

        public void End() => _end.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            await stream.WriteAsync("begin"u8.ToArray());
            await stream.FlushAsync();
            _started.SetResult();
            await _end.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
