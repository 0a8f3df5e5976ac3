using System.Net;
using System.Net.Sockets;

namespace IamGateway.Tests.Forwarding;

/// <summary>An instance that agrees to any upgrade and then waits until the connection ends.</summary>
internal sealed class OddUpgrade : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _accepting;

    public OddUpgrade()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"http://{_listener.LocalEndpoint}";

    /// <summary>The upgraded connection has ended.</summary>
    public Task Ended => _ended.Task.WaitAsync(TimeSpan.FromSeconds(20));

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            var buffer = new byte[4096];
            var count = await socket.ReceiveAsync(buffer);
            var isUpgrade = System.Text.Encoding.ASCII.GetString(buffer, 0, count)
                .Contains("SPDY/3.1", StringComparison.Ordinal);
            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(isUpgrade
                ? "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            if (!isUpgrade)
                return;
            try
            {
                while (await socket.ReceiveAsync(buffer) > 0)
                    continue;
            }
            catch (SocketException)
            {
                // Reset.
            }

            _ended.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }
}
