using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using IamGateway.Forwarding;
using IamGateway.Routing;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Forwarding;

/// <summary>WebSockets whose instance, version or session goes: both sides see a proper close.</summary>
public sealed class WebSocketCloseTests
{
    private const int ServiceRestart = 1012;

    [Theory]
    [InlineData(null)]
    [InlineData("2.0")]
    public async Task Drain_OpenWebSocket_IsClosedOnBothSidesAndComesBackToASibling(string? version)
    {
        await using var site = await LastingSite.StartAsync(
            ("Kestrel:Endpoints:Proxy:Protocols", version is null ? "Http1" : "Http2"));
        var (socket, instance) = await site.ConnectAsync(version: version);
        using var first = socket;
        Assert.Equal("a", instance);

        // Its answer to the Close frame must not wait for the command.
        var end = EndsWithRestartAsync(socket);
        await site.DrainAsync("a");
        await end;
        Assert.Equal($"{ServiceRestart}", await site.NextEndAsync());
        var (again, sibling) = await site.ConnectAsync(version: version);
        using var second = again;
        Assert.Equal("b", sibling);
    }

    [Fact]
    public async Task Drain_OpenWebSocket_CountsUntilItIsClosedAndNoLonger()
    {
        await using var site = await LastingSite.StartAsync(("IamGateway:Drain:CloseWithin", "01:00:00"));
        var (socket, _) = await site.ConnectAsync();
        using var first = socket;
        await site.DrainAsync("a");
        Assert.Equal((1, 0), (site.Open.Count("a"), site.Open.Count("b")));
        Assert.Equal(("draining", 1), await StateAsync(site));

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        // The instance has closed its side: nothing is at work there that would count for RequestTimeout.
        Assert.Equal("1000", await site.NextEndAsync());
        await UntilAsync(async () => await StateAsync(site) == ("drained", 0));
        Assert.Equal(0, site.Open.Count("a"));
    }

    [Fact]
    public async Task Drain_MessageOnTheWay_ArrivesWholeAndIsTheLast()
    {
        await using var site = await LastingSite.StartAsync();
        var (socket, _) = await site.ConnectAsync("/large");
        using var first = socket;
        var half = new byte[64 * 1024];
        var part = await socket.ReceiveAsync(half, CancellationToken.None);
        await site.DrainAsync("a");
        site.GoOn.SetResult();

        byte[] message = [.. half[..part.Count], .. await LastingSite.ReceiveAsync(socket)];

        Assert.Equal(LastingSite.Large().Concat(LastingSite.Large()), message);
        var rest = await LastingSite.ReceiveAsync(socket);
        // What the instance has sent behind it may have been read before the end came to it.
        if (rest.Length > 0)
        {
            Assert.Equal("late"u8.ToArray(), rest);
            rest = await LastingSite.ReceiveAsync(socket);
        }

        await EndsWithRestartAsync(socket, rest);
        Assert.Equal($"{ServiceRestart}", await site.NextEndAsync());
    }

    [Fact]
    public async Task Retire_OpenWebSocketOfTheOldVersion_ComesBackToTheNewOneAndHoldsNothingUp()
    {
        await using var site = await LastingSite.StartAsync();
        await site.Gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        var (socket, instance) = await site.ConnectAsync();
        using var first = socket;
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        Assert.Equal("a", instance);
        await socket.SendAsync("still there"u8.ToArray(), WebSocketMessageType.Binary, true, default);
        Assert.Equal("still there"u8.ToArray(), await LastingSite.ReceiveAsync(socket));

        // Its answer to the Close frame must not wait for the command.
        var end = EndsWithRestartAsync(socket);
        await PostAsync(site, "/api/v1/versions/8.2.1/retire", new { });
        await end;
        Assert.True(await site.Gateway.Service<Replica>().WaitForAsync(
            s => s.Phase == RoutingPhase.Steady, TimeSpan.FromSeconds(20)));
        var (again, newer) = await site.ConnectAsync();
        using var second = again;
        Assert.Equal("c", newer);
    }

    [Fact]
    public async Task Revoke_OpenWebSocketOfTheRevokedVersion_IsClosed()
    {
        await using var site = await LastingSite.StartAsync();
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        var (socket, instance) = await site.ConnectAsync();
        using var first = socket;
        Assert.Equal("c", instance);

        // Its answer to the Close frame must not wait for the command.
        var end = EndsWithRestartAsync(socket);
        await PostAsync(site, "/api/v1/versions/8.3.0/revoke", new { confirm = "8.3.0" });
        await end;
    }

    [Fact]
    public async Task EndSession_OpenWebSocketsOfTwoSessions_OnlyItsOwnIsClosed()
    {
        await using var site = await LastingSite.StartAsync();
        var (socket, _) = await site.ConnectAsync();
        using var mine = socket;
        using var other = new ClientWebSocket();
        await other.ConnectAsync(new UriBuilder(site.Gateway.Proxy) { Scheme = "ws" }.Uri, default);
        await LastingSite.ReceiveAsync(other);
        using var found = await site.Gateway.Admin.PostAsJsonAsync("/api/v1/sessions/lookup", new { handle = "mine" });
        var key = (await found.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("key").GetString();

        using var ended = await site.Gateway.Admin.DeleteAsync($"/api/v1/sessions/{key}");

        ended.EnsureSuccessStatusCode();
        await EndsWithRestartAsync(socket);
        await UntilAsync(() => Task.FromResult(site.Open.Count("a") == 1));
        await other.SendAsync("x"u8.ToArray(), WebSocketMessageType.Binary, true, default);
        Assert.Equal("x"u8.ToArray(), await LastingSite.ReceiveAsync(other));
    }

    [Fact]
    public async Task Drain_ClientThatDoesNotAnswer_IsCutAfterFiveSecondsOnBothSides()
    {
        await using var site = await LastingSite.StartAsync();
        using var client = new TcpClient("127.0.0.1", site.Gateway.Proxy.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Upgrade("websocket"));
        var answer = new byte[4096];
        await stream.ReadAtLeastAsync(answer, 100);
        await site.DrainAsync("a");

        var read = new MemoryStream();
        await ReadToEndAsync(stream, read);

        Assert.Equal([0x88, 0x02, 0x03, 0xF4], read.ToArray()[^4..]);
        Assert.Equal("broken", await site.NextEndAsync());
        // The instance has not closed: what it may still do counts.
        Assert.Equal(("draining", 1), await StateAsync(site));
    }

    [Fact]
    public async Task Drain_UpgradeToAnotherProtocol_IsCut()
    {
        await using var instance = new OddUpgrade();
        await using var site = await LastingSite.StartAsync(
            ("ReverseProxy:Clusters:iam:Destinations:a:Address", instance.Address));
        using var client = new TcpClient("127.0.0.1", site.Gateway.Proxy.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Upgrade("SPDY/3.1"));
        var answer = new byte[4096];
        var count = await stream.ReadAtLeastAsync(answer, 30);
        Assert.StartsWith("HTTP/1.1 101", Encoding.ASCII.GetString(answer, 0, count), StringComparison.Ordinal);
        await UntilAsync(() => Task.FromResult(site.Open.Count("a") == 1));

        await site.DrainAsync("a");

        await ReadToEndAsync(stream, new MemoryStream());
        await instance.Ended;
    }

    private static byte[] Upgrade(string protocol) => Encoding.ASCII.GetBytes(
        $"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

    private static async Task ReadToEndAsync(NetworkStream from, MemoryStream to)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await from.CopyToAsync(to, patience.Token);
        }
        catch (IOException)
        {
            // Reset.
        }
    }

    private static async Task EndsWithRestartAsync(ClientWebSocket socket) =>
        await EndsWithRestartAsync(socket, await LastingSite.ReceiveAsync(socket));

    private static async Task EndsWithRestartAsync(ClientWebSocket socket, byte[] last)
    {
        Assert.Empty(last);
        Assert.Equal(ServiceRestart, (int?)socket.CloseStatus);
        await socket.CloseOutputAsync(socket.CloseStatus!.Value, null, CancellationToken.None);
    }

    private static async Task PostAsync(LastingSite site, string path, object body)
    {
        using var response = await site.Gateway.Admin.PostAsJsonAsync(path, body);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task<(string State, int InFlight)> StateAsync(LastingSite site)
    {
        var instances = await site.Gateway.Admin.GetFromJsonAsync<JsonElement[]>("/api/v1/instances");
        var a = instances!.Single(i => i.GetProperty("id").GetString() == "a");
        return (a.GetProperty("state").GetString()!, a.GetProperty("inFlight").GetInt32());
    }

    private static Task UntilAsync(Func<Task<bool>> condition) =>
        Eventually.UntilAsync(condition, TimeSpan.FromSeconds(20));
}
