using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace IamGateway.Tests.Servers;

/// <summary>
/// A network between a client and a server that a test can cut: open connections break, new ones are refused.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly int _target;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private readonly Task _accepting;
    private volatile bool _isCut;

    public TcpProxy(int target)
    {
        _target = target;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public void Cut()
    {
        _isCut = true;
        foreach (var socket in _open.Keys)
        {
            try
            {
                socket.Close(0);
            }
            catch (SocketException)
            {
                // It is about to connect, or has just ended; who serves it sees the cut.
            }
        }
    }

    public void Heal() => _isCut = false;

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            if (_isCut)
                return;
            _open[client] = true;
            _open[server] = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target);
                client.NoDelay = server.NoDelay = true;
                if (!_isCut)
                    await Task.WhenAny(PumpAsync(client, server), PumpAsync(server, client));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The connection ends with this.
            }
            finally
            {
                _open.TryRemove(client, out _);
                _open.TryRemove(server, out _);
            }
        }
    }

    /// <summary>Copies what one sends to the other, until one of them has gone.</summary>
    public static async Task PumpAsync(Socket from, Socket to)
    {
        try
        {
            var buffer = new byte[16 * 1024];
            int count;
            while ((count = await from.ReceiveAsync(buffer)) > 0)
                await to.SendAsync(buffer.AsMemory(0, count));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut, or gone.
        }
    }

    public async ValueTask DisposeAsync()
    {
        Cut();
        _listener.Stop();
        await _accepting;
    }
}
