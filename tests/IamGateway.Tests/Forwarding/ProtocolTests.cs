using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>What an IAM may speak passes through as it is.</summary>
public sealed class ProtocolTests
{
    private static Task<Gateway> StartAsync(Backend backend, params (string Key, string Value)[] settings)
    {
        var all = Backend.Settings(backend);
        foreach (var (key, value) in settings)
            all[key] = value;
        return Gateway.StartAsync([], all);
    }

    [Theory]
    [InlineData("Http1", "1.1")]
    [InlineData("Http2", "2.0")]
    public async Task Get_HttpVersion_PassesThrough(string protocols, string version)
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("hello"));
        await using var gateway = await StartAsync(backend, ("Kestrel:Endpoints:Proxy:Protocols", protocols));
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Proxy)
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await client.SendAsync(request);

        Assert.Equal(Version.Parse(version), response.Version);
        Assert.Equal("hello", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task WebSocket_Messages_GoBothWaysAndCloseCleanly()
    {
        await using var backend = await Backend.StartAsync("8.2.1", EchoAsync);
        await using var gateway = await StartAsync(backend);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(gateway.Proxy) { Scheme = "ws" }.Uri, CancellationToken.None);

        await socket.SendAsync("ping"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        var buffer = new byte[16];
        var message = await socket.ReceiveAsync(buffer, CancellationToken.None);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", CancellationToken.None);

        Assert.Equal("ping", Encoding.UTF8.GetString(buffer, 0, message.Count));
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
    }

    private static async Task EchoAsync(HttpContext http)
    {
        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[16];
        while (await socket.ReceiveAsync(
            buffer, CancellationToken.None) is { MessageType: WebSocketMessageType.Text } message)
            await socket.SendAsync(
                buffer.AsMemory(0, message.Count), WebSocketMessageType.Text, true, CancellationToken.None);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", CancellationToken.None);
    }

    /// <summary>Rules that read bodies under a path; null: there are none.</summary>
    private static (string Key, string Value)[] BodyRules(string? path) => path is null ? [] :
    [
        ("IamGateway:Sessions:1:Name", "token"), ("IamGateway:Sessions:1:Form", "token"),
        ("IamGateway:Sessions:1:Path", path), ("IamGateway:Sessions:1:JsonField", "token"),
        ("IamGateway:Sessions:1:IssuedAt", path),
    ];

    [Theory]
    [InlineData(null)]
    [InlineData("/token")]
    [InlineData("/")]
    public async Task ServerSentEvents_FirstEvent_ArrivesBeforeTheStreamEnds(string? bodiesReadUnder)
    {
        var seen = new TaskCompletionSource();
        await using var backend = await Backend.StartAsync("8.2.1", async http =>
        {
            http.Response.ContentType = "text/event-stream";
            await http.Response.WriteAsync("data: 1\n\n");
            await http.Response.Body.FlushAsync();
            await seen.Task;
            await http.Response.WriteAsync("data: 2\n\n");
        });
        await using var gateway = await StartAsync(backend, BodyRules(bodiesReadUnder));
        using var client = new HttpClient();

        using var response = await client.GetAsync(gateway.Proxy, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var first = await reader.ReadLineAsync();
        seen.SetResult();
        var rest = await reader.ReadToEndAsync();

        Assert.Equal("data: 1", first);
        Assert.Equal("\ndata: 2\n\n", rest);
    }

    [Theory]
    [InlineData("Http1", "1.1", false)]
    [InlineData("Http1", "1.1", true)]
    [InlineData("Http2", "2.0", false)]
    [InlineData("Http2", "2.0", true)]
    public async Task Download_InOneOrInTwoParts_ArrivesAsItIsSent(string protocols, string version, bool hasLength)
    {
        var bytes = new byte[300_000];
        new Random(1).NextBytes(bytes);
        var seen = new SemaphoreSlim(0);
        await using var backend = await Backend.StartAsync("8.2.1", async http =>
        {
            var first = int.Parse(http.Request.Query["first"].ToString(), CultureInfo.InvariantCulture);
            var length = int.Parse(http.Request.Query["length"].ToString(), CultureInfo.InvariantCulture);
            http.Response.ContentLength = hasLength ? length : null;
            await http.Response.Body.WriteAsync(bytes.AsMemory(0, first));
            if (first == length)
                return;
            await seen.WaitAsync();
            await http.Response.Body.WriteAsync(bytes.AsMemory(first, length - first));
        });
        await using var gateway = await StartAsync(backend, ("Kestrel:Endpoints:Proxy:Protocols", protocols));
        // What is not sent at once would be sent when the server ends a connection that is not used.
        using var client = new HttpClient
        {
            BaseAddress = gateway.Proxy,
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        int[] lengths = [1, 2048, 2049, 4096, 5000, 16_384, 70_000, 131_072, 300_000];
        foreach (var (first, length) in lengths.SelectMany(l => new[] { (l, l), (l / 2, l), (l - 1, l) }))
        {
            if (first == 0)
                continue;
            using var response = await client.GetAsync(
                $"/?first={first}&length={length}", HttpCompletionOption.ResponseHeadersRead);
            await using var body = await response.Content.ReadAsStreamAsync();
            var got = new byte[length];
            await body.ReadExactlyAsync(got.AsMemory(0, first)).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            if (first < length)
                seen.Release();
            await body.ReadExactlyAsync(got.AsMemory(first)).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Equal(bytes[..length], got);
            Assert.Equal(0, await body.ReadAsync(new byte[1]).AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/token")]
    [InlineData("/")]
    public async Task Upload_FirstKilobytes_ReachTheInstanceBeforeTheLastAreSent(string? bodiesReadUnder)
    {
        // More than the client library gathers before it sends (4 KB).
        var first = new string('x', 16 * 1024);
        var got = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var backend = await Backend.StartAsync("8.2.1", async http =>
        {
            var buffer = new byte[1024];
            await http.Request.Body.ReadExactlyAsync(buffer);
            got.SetResult(Encoding.UTF8.GetString(buffer));
            using var rest = new StreamReader(http.Request.Body);
            await http.Response.WriteAsync(await rest.ReadToEndAsync());
        });
        await using var gateway = await StartAsync(backend, BodyRules(bodiesReadUnder));
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(
            HttpMethod.Post, gateway.Proxy)
        { Content = new TwoParts(first, got.Task, "second") };

        using var response = await client.SendAsync(request);

        Assert.Equal(first[..1024], await got.Task);
        Assert.Equal(first[1024..] + "second", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Headers_ToTheInstance_TellTheClientAndHideTheGateway()
    {
        HeaderDictionary? seen = null;
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            seen = new HeaderDictionary(http.Request.Headers.ToDictionary(h => h.Key, h => h.Value));
            return Task.CompletedTask;
        });
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Proxy);
        request.Headers.Add("X-IamGateway-Refusal", "forged");
        request.Headers.Add("X-IamGateway-Anything", "forged");
        request.Headers.Add("X-Forwarded-For", "203.0.113.7");
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

        using var response = await client.SendAsync(request);

        Assert.NotNull(seen);
        Assert.DoesNotContain(seen, h => h.Key.StartsWith("X-IamGateway-", StringComparison.OrdinalIgnoreCase));
        Assert.Equal("127.0.0.1", seen["X-Forwarded-For"]);
        Assert.Equal("http", seen["X-Forwarded-Proto"]);
        Assert.Equal(gateway.Proxy.Authority, seen["X-Forwarded-Host"]);
        Assert.StartsWith("00-0af7651916cd43dd8448eb211c80319c-", seen["traceparent"], StringComparison.Ordinal);
    }

    private sealed class TwoParts(string first, Task between, string second) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(first));
            await stream.FlushAsync();
            await between;
            await stream.WriteAsync(Encoding.UTF8.GetBytes(second));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
