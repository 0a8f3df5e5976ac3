using System.Net;
using System.Net.WebSockets;
using IamGateway.Routing;

namespace IamGateway.Tests.Forwarding;

/// <summary>The gateway's own end, as its clients see it.</summary>
public sealed class LeavingTests
{
    [Fact]
    public async Task Leaving_Http1Request_IsAnsweredAndToldToClose()
    {
        await using var site = await LastingSite.StartAsync();
        using var client = site.Client("1.1");
        using var before = await client.GetAsync("/");
        Assert.Null(before.Headers.ConnectionClose);
        site.Gateway.Service<Replica>().IsLeaving = true;

        using var after = await client.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        Assert.True(after.Headers.ConnectionClose);
    }

    [Fact]
    public async Task Leaving_Http2Requests_AreAllAnsweredOverConnectionsThatAreGivenUp()
    {
        await using var site = await LastingSite.StartAsync(("Kestrel:Endpoints:Proxy:Protocols", "Http2"));
        var connections = 0;
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                Interlocked.Increment(ref connections);
                var socket = new System.Net.Sockets.Socket(
                    System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = site.Gateway.Proxy,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await client.GetStringAsync("/");
        await client.GetStringAsync("/");
        Assert.Equal(1, connections);
        site.Gateway.Service<Replica>().IsLeaving = true;

        for (var i = 0; i < 20; i++)
            Assert.Equal("a", await client.GetStringAsync("/"));

        Assert.InRange(connections, 2, 21);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("2.0")]
    public async Task Leaving_NewWebSocket_IsOpenedAndWorks(string? version)
    {
        await using var site = await LastingSite.StartAsync(
            ("Kestrel:Endpoints:Proxy:Protocols", version is null ? "Http1" : "Http2"));
        site.Gateway.Service<Replica>().IsLeaving = true;
        var (socket, _) = await site.ConnectAsync(version: version);
        using var first = socket;

        await socket.SendAsync("x"u8.ToArray(), WebSocketMessageType.Binary, true, CancellationToken.None);

        Assert.Equal("x"u8.ToArray(), await LastingSite.ReceiveAsync(socket));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.Equal("1000", await site.NextEndAsync());
    }

    [Theory]
    [InlineData(null, "00:00:00")]
    [InlineData(null, "00:00:03")]
    [InlineData("2.0", "00:00:00")]
    [InlineData("2.0", "00:00:03")]
    public async Task Stop_OpenWebSocket_IsClosedWith1012LongBeforeShutdownTimeout(string? version, string within)
    {
        await using var site = await LastingSite.StartAsync(
            ("IamGateway:ShutdownTimeout", "01:00:00"), ("IamGateway:Drain:CloseWithin", within),
            ("Kestrel:Endpoints:Proxy:Protocols", version is null ? "Http1" : "Http2"));
        var (socket, _) = await site.ConnectAsync(version: version);
        using var first = socket;

        var stopped = site.Gateway.DisposeAsync().AsTask();

        Assert.Empty(await LastingSite.ReceiveAsync(socket));
        Assert.Equal(1012, (int?)socket.CloseStatus);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.Equal("1000", await site.NextEndAsync());
        await stopped.WaitAsync(TimeSpan.FromSeconds(20));
    }
}
