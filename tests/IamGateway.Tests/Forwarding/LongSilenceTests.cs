using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// An answer must begin within RequestTimeout; WebSockets and streams of events may be silent for any time then. Two
/// requests that are cut, one behind the other, show that the time is over.
/// </summary>
public sealed class LongSilenceTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("2.0")]
    public async Task WebSocket_SilentForLongerThanRequestTimeout_GoesOn(string? version)
    {
        await using var site = await StartAsync(version is null ? "Http1" : "Http2");
        var (socket, _) = await site.ConnectAsync(version: version);
        using var open = socket;

        await TimeOutTwiceAsync(site, version ?? "1.1");

        await socket.SendAsync("still here"u8.ToArray(), WebSocketMessageType.Binary, true, CancellationToken.None);
        Assert.Equal("still here", Encoding.ASCII.GetString(await LastingSite.ReceiveAsync(socket)));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task EventStream_SilentForLongerThanRequestTimeout_GoesOn(string version)
    {
        await using var site = await StartAsync(version == "1.1" ? "Http1" : "Http2");
        using var client = site.Client(version);
        client.DefaultRequestHeaders.Add("Accept", "text/event-stream");
        using var response = await client.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.StartsWith("data: ", await reader.ReadLineAsync());

        await TimeOutTwiceAsync(site, version);

        site.GoOn.SetResult();
        Assert.Equal("", await reader.ReadLineAsync());
        Assert.Equal("data: half whole", await reader.ReadLineAsync());
    }

    [Fact]
    public async Task Upgrade_NoAnswer_Is504AfterRequestTimeout()
    {
        await using var site = await StartAsync("Http1");
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(
            new UriBuilder(site.Gateway.Proxy) { Scheme = "ws", Path = "/hang" }.Uri, CancellationToken.None));

        Assert.Equal(HttpStatusCode.GatewayTimeout, socket.HttpStatusCode);
    }

    [Fact]
    public async Task EventsAskedFor_NoAnswer_Is504AfterRequestTimeout()
    {
        await using var site = await StartAsync("Http1");
        using var client = site.Client("1.1");
        client.DefaultRequestHeaders.Add("Accept", "text/event-stream");

        using var response = await client.GetAsync("/hang");

        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
    }

    private static async Task TimeOutTwiceAsync(LastingSite site, string version)
    {
        using var client = site.Client(version);
        for (var i = 0; i < 2; i++)
        {
            using var response = await client.GetAsync("/hang");
            Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        }
    }

    private static Task<LastingSite> StartAsync(string protocols) => LastingSite.StartAsync(
        ("Kestrel:Endpoints:Proxy:Protocols", protocols), ("IamGateway:RequestTimeout", "00:00:01"),
        // One that hangs is not to be taken for dead, which would close what leads there.
        ("ReverseProxy:Clusters:iam:HealthCheck:Passive:Enabled", "false"));
}
