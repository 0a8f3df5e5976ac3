using System.Collections.Concurrent;
using System.Net.WebSockets;
using IamGateway.Tests.Histories;

namespace IamGateway.Tests.Instances;

/// <summary>
/// Users with a WebSocket each, on which they talk all the time. Told to come back (1012) they do; any other end is a
/// failure.
/// </summary>
internal sealed class SocketUsers : IAsyncDisposable
{
    private const WebSocketCloseStatus ServiceRestart = (WebSocketCloseStatus)1012;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private Task _work = Task.CompletedTask;
    private int _restarts;

    private SocketUsers()
    {
    }

    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>How often they were told to come back.</summary>
    public int Restarts => Volatile.Read(ref _restarts);

    public static async Task<SocketUsers> StartAsync(HttpMessageInvoker http, int count, Func<int, Uri> gateway)
    {
        var users = new SocketUsers();
        var talks = new List<Task>();
        for (var i = 0; i < count; i++)
        {
            var address = gateway(i);
            var browser = new Browser(http, () => address, $"socket-user-{i}");
            await browser.LogInAsync();
            talks.Add(users.TalkAsync(address, browser.Cookie));
        }

        users._work = Task.WhenAll(talks);
        return users;
    }

    private async Task TalkAsync(Uri gateway, string cookie)
    {
        while (!_stop.IsCancellationRequested)
        {
            using var socket = new ClientWebSocket();
            socket.Options.SetRequestHeader("Cookie", cookie);
            try
            {
                await socket.ConnectAsync(new Uri($"ws://{gateway.Authority}/ws"), CancellationToken.None);
                await TalkAsync(socket);
            }
            catch (WebSocketException e)
            {
                _failures.Enqueue($"{e.WebSocketErrorCode} {socket.CloseStatus} {e.Message}");
                return;
            }
        }
    }

    private async Task TalkAsync(ClientWebSocket socket)
    {
        var buffer = new byte[1024];
        for (var number = 0; !_stop.IsCancellationRequested; number++)
        {
            var sent = BitConverter.GetBytes(number);
            await socket.SendAsync(sent, WebSocketMessageType.Binary, true, CancellationToken.None);
            var part = await socket.ReceiveAsync(buffer, CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                if (part.CloseStatus != ServiceRestart)
                    _failures.Enqueue($"closed with {part.CloseStatus}");
                Interlocked.Increment(ref _restarts);
                await socket.CloseOutputAsync(part.CloseStatus!.Value, null, CancellationToken.None);
                return;
            }

            if (!buffer.AsSpan(0, part.Count).SequenceEqual(sent))
                _failures.Enqueue($"message {number} came back as {Convert.ToHexString(buffer.AsSpan(0, part.Count))}");
            await Task.Delay(5, CancellationToken.None);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _work;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }
}
