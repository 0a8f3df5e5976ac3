using System.Net.WebSockets;
using System.Threading.Channels;
using IamGateway.Forwarding;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// A gateway in front of two instances of 8.2.1 and one of 8.3.0 that talk over WebSockets and streams of events. The
/// session "mine" lives on 8.2.1.
/// </summary>
internal sealed class LastingSite : IAsyncDisposable
{
    private readonly List<Backend> _backends = [];

    public required Gateway Gateway { get; init; }

    /// <summary>How the instances saw their WebSockets end, in this order: the status that they were sent.</summary>
    public Channel<string> Ends { get; } = Channel.CreateUnbounded<string>();

    /// <summary>Lets what instances have begun at /large and /events go on.</summary>
    public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OpenConnections Open => Gateway.Service<OpenConnections>();

    public static async Task<LastingSite> StartAsync(params (string Key, string? Value)[] settings)
    {
        LastingSite? site = null;
        Backend[] backends =
        [
            await Backend.StartAsync("8.2.1", http => site!.HandleAsync(http, "a")),
            await Backend.StartAsync("8.2.1", http => site!.HandleAsync(http, "b")),
            await Backend.StartAsync("8.3.0", http => site!.HandleAsync(http, "c")),
        ];
        var all = Backend.Settings(backends);
        all["IamGateway:Drain:CloseWithin"] = "00:00:00";
        // Instance a first, while it is there.
        all["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "FirstAlphabetical";
        foreach (var (key, value) in settings)
            all[key] = value;
        site = new LastingSite { Gateway = await Gateway.StartAsync([], all) };
        site._backends.AddRange(backends);
        using var client = site.Client(
            all.GetValueOrDefault("Kestrel:Endpoints:Proxy:Protocols") == "Http2" ? "2.0" : "1.1");
        await client.GetStringAsync("/begin");
        return site;
    }

    public HttpClient Client(string version) => new()
    {
        BaseAddress = Gateway.Proxy,
        DefaultRequestVersion = Version.Parse(version),
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private async Task HandleAsync(HttpContext http, string name)
    {
        if (http.Request.Path == "/begin")
            http.Response.Headers.Append("Set-Cookie", "IAM_SESSION=mine; Path=/");
        if (http.Request.Path == "/hang")
        {
            await UntilAbortedAsync(http);
            return;
        }

        if (http.WebSockets.IsWebSocketRequest)
        {
            await TalkAsync(http, name);
            return;
        }

        switch (http.Request.Path.Value)
        {
            case "/events":
                http.Response.ContentType = "text/event-stream";
                await http.Response.WriteAsync($"data: {name}\n\ndata: half");
                await http.Response.Body.FlushAsync();
                await GoOn.Task;
                await http.Response.WriteAsync(" whole\n\ndata: more\n\n");
                await http.Response.Body.FlushAsync();
                await UntilAbortedAsync(http);
                Ends.Writer.TryWrite("aborted");
                break;
            case "/quiet":
                http.Response.ContentType = "text/event-stream; charset=utf-8";
                await http.Response.WriteAsync($"data: {name}\n\n");
                await http.Response.Body.FlushAsync();
                await UntilAbortedAsync(http);
                Ends.Writer.TryWrite("aborted");
                break;
            default:
                await http.Response.WriteAsync(name);
                break;
        }
    }

    private static Task UntilAbortedAsync(HttpContext http)
    {
        var aborted = new TaskCompletionSource();
        http.RequestAborted.Register(() => aborted.TrySetResult());
        return aborted.Task;
    }

    /// <summary>Says its name, then repeats what it hears; at /large it sends a large message in two parts.</summary>
    private async Task TalkAsync(HttpContext http, string name)
    {
        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        try
        {
            await SendAsync(socket, System.Text.Encoding.ASCII.GetBytes(name), true);
            if (http.Request.Path == "/large")
            {
                await SendAsync(socket, Large(), false);
                await GoOn.Task;
                await SendAsync(socket, Large(), true);
                await SendAsync(socket, "late"u8.ToArray(), true);
            }

            var buffer = new byte[64];
            WebSocketReceiveResult message;
            while ((message = await socket.ReceiveAsync(buffer, CancellationToken.None)).MessageType
                != WebSocketMessageType.Close)
                await SendAsync(socket, buffer[..message.Count], true);
            await socket.CloseOutputAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, default);
            Ends.Writer.TryWrite($"{(int?)socket.CloseStatus}");
        }
        catch (WebSocketException)
        {
            Ends.Writer.TryWrite("broken");
        }
    }

    public static byte[] Large() => [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i % 251))];

    private static Task SendAsync(WebSocket socket, byte[] message, bool isEnd) =>
        socket.SendAsync(message, WebSocketMessageType.Binary, isEnd, CancellationToken.None);

    /// <summary>A WebSocket of the session, and the instance that it leads to.</summary>
    public async Task<(ClientWebSocket Socket, string Instance)> ConnectAsync(string path = "/", string? version = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Cookie", "IAM_SESSION=mine");
        if (version is not null)
        {
            socket.Options.HttpVersion = Version.Parse(version);
            socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        }

        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        await socket.ConnectAsync(
            new UriBuilder(Gateway.Proxy) { Scheme = "ws", Path = path }.Uri, version is null ? null : invoker,
            CancellationToken.None);
        return (socket, System.Text.Encoding.ASCII.GetString(await ReceiveAsync(socket)));
    }

    /// <summary>The next message; empty when the other side has closed.</summary>
    public static async Task<byte[]> ReceiveAsync(WebSocket socket)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var message = new List<byte>();
        var buffer = new byte[64 * 1024];
        WebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer, patience.Token);
            message.AddRange(buffer[..part.Count]);
        }
        while (!part.EndOfMessage);

        return [.. message];
    }

    /// <summary>Not blocking: what is waited for needs the pool's threads.</summary>
    public async Task<string> NextEndAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await Ends.Reader.ReadAsync(patience.Token);
    }

    public async Task DrainAsync(string instance)
    {
        using var response = await Gateway.Admin.PostAsync($"/api/v1/instances/{instance}/drain", null);
        response.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        GoOn.TrySetResult();
        await Gateway.DisposeAsync();
        foreach (var backend in _backends)
            await backend.DisposeAsync();
    }
}
