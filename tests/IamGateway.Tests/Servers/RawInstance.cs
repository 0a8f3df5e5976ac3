using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace IamGateway.Tests.Servers;

/// <summary>What a <see cref="RawInstance"/> does with a request that it has read to its end.</summary>
internal enum Reaction
{
    Answer,

    /// <summary>Closes the connection.</summary>
    Close,

    /// <summary>Resets the connection.</summary>
    Reset,

    /// <summary>Sends half a status line and closes the connection.</summary>
    Half,

    /// <summary>Keeps the connection open and says nothing.</summary>
    Silent,
}

/// <summary>An instance of bytes: it answers with its name, or goes away as the test says.</summary>
internal sealed partial class RawInstance : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private readonly string _name;
    private readonly Func<int, Reaction> _react;
    private readonly Task _accepting;
    private int _requests;

    /// <summary>Starts one; it reacts to its first request, its second and so on.</summary>
    public RawInstance(string name, Func<int, Reaction> react)
    {
        (_name, _react) = (name, react);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"http://{_listener.LocalEndpoint}";

    /// <summary>How many requests have come to it.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>The bodies of the requests that it has answered.</summary>
    public ConcurrentQueue<string> Bodies { get; } = new();

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
        _open[socket] = true;
        try
        {
            while (await ReadAsync(socket) is { } body && await ReactAsync(socket, body))
                continue;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The connection ends with this.
        }
        finally
        {
            _open.TryRemove(socket, out _);
            socket.Dispose();
        }
    }

    private static async Task<string?> ReadAsync(Socket socket)
    {
        var (text, buffer) = ("", new byte[16 * 1024]);
        while (true)
        {
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var length = ContentLength().Match(text) is { Success: true } match
                    ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
                    : 0;
                if (text.Length >= end + 4 + length)
                    return text[(end + 4)..];
            }

            var count = await socket.ReceiveAsync(buffer);
            if (count == 0)
                return null;
            text += Encoding.ASCII.GetString(buffer, 0, count);
        }
    }

    private async Task<bool> ReactAsync(Socket socket, string body)
    {
        switch (_react(Interlocked.Increment(ref _requests)))
        {
            case Reaction.Answer:
                Bodies.Enqueue(body);
                await socket.SendAsync(
                    Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {_name.Length}\r\n\r\n{_name}"));
                return true;
            case Reaction.Reset:
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
                return false;
            case Reaction.Half:
                await socket.SendAsync("HTTP/1.1 20"u8.ToArray());
                return false;
            case Reaction.Silent:
                await socket.ReceiveAsync(new byte[1]);
                return false;
            default:
                return false;
        }
    }

    /// <summary>The settings that make instances the gateway's, named a, b, c and so on.</summary>
    public static Dictionary<string, string?> Settings(params (RawInstance Instance, string Version)[] instances)
    {
        var settings = new Dictionary<string, string?>
        {
            ["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "FirstAlphabetical",
        };
        foreach (var (index, (instance, version)) in instances.Index())
        {
            var destination = $"ReverseProxy:Clusters:iam:Destinations:{(char)('a' + index)}";
            settings[$"{destination}:Address"] = instance.Address;
            settings[$"{destination}:Metadata:Version"] = version;
        }

        return settings;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var socket in _open.Keys)
            socket.Close();
        await _accepting;
    }

    [GeneratedRegex(@"Content-Length: (\d+)", RegexOptions.IgnoreCase)]
    private static partial Regex ContentLength();
}
