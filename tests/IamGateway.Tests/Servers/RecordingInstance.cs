using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Tests.Servers;

/// <summary>A request as its bytes came to an instance; Fault says what a strict reader cannot accept in it.</summary>
internal sealed record RecordedRequest(int Connection, string Head, string Body, string? Fault)
{
    public string Method => Head.Split(' ')[0];

    public string Target => Head.Split(' ') is [_, var target, ..] ? target : "";
}

/// <summary>
/// An instance that writes down the bytes it gets and reads them as strictly as RFC 9112 allows. It answers with the
/// request's target.
/// </summary>
internal sealed class RecordingInstance : IAsyncDisposable
{
    /// <summary>The fault of a request that its sender gave up.</summary>
    public const string Ended = "ends within its body";

    private const int MaxBody = 1 << 20;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private readonly Task _accepting;
    private int _connections;

    public RecordingInstance()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"http://{_listener.LocalEndpoint}";

    public ConcurrentQueue<RecordedRequest> Requests { get; } = new();

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync(), Interlocked.Increment(ref _connections));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket, int connection)
    {
        _open[socket] = true;
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        var reader = PipeReader.Create(stream);
        try
        {
            while (await ReadHeadAsync(reader) is { Length: > 0 } head)
            {
                var (body, fault) = await ReadBodyAsync(stream, reader, head);
                var request = new RecordedRequest(connection, head, body, fault);
                Requests.Enqueue(request);
                if (fault is not null)
                    return;
                var answer = request.Method == "HEAD" ? "" : request.Target;
                await stream.WriteAsync(Encoding.Latin1.GetBytes(
                    $"HTTP/1.1 200 OK\r\nContent-Length: {request.Target.Length}\r\n\r\n{answer}"));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The connection ends with this.
        }
        finally
        {
            _open.TryRemove(socket, out _);
        }
    }

    private static async Task<string> ReadHeadAsync(PipeReader reader)
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            var line = await ReadLineAsync(reader);
            head.Append(line);
            // The connection has ended within the head.
            if (!line.EndsWith('\n'))
                break;
        }

        return head.ToString();
    }

    private static async Task<(string Body, string? Fault)> ReadBodyAsync(
        NetworkStream stream, PipeReader reader, string head)
    {
        if (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            return ("", "ends within its head");
        var fields = Framing.Fields(head, out var fault);
        if (fault is not null)
            return ("", fault);
        if (fields.Exists(f => f.Name == "expect"))
            await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
        if (fields.Exists(f => f.Name == "transfer-encoding"))
            return await ReadChunksAsync(reader);
        var length = fields.Find(f => f.Name == "content-length").Value is { } text
            ? long.Parse(text, CultureInfo.InvariantCulture)
            : 0;
        var body = await ReadAsync(reader, (int)Math.Min(length, MaxBody));
        return (body, body.Length == length ? null : Ended);
    }

    private static async Task<(string Body, string? Fault)> ReadChunksAsync(PipeReader reader)
    {
        var body = new StringBuilder();
        while (true)
        {
            var line = await ReadLineAsync(reader);
            if (!line.EndsWith('\n'))
                return ($"{body}{line}", Ended);
            if (!line.EndsWith("\r\n", StringComparison.Ordinal)
                || !int.TryParse(
                    line[..^2], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var size))
                return ($"{body}{line}", "has a broken chunk");
            var data = await ReadAsync(reader, size);
            body.Append(data);
            // After the last chunk this is the end of an empty trailer section.
            var end = await ReadAsync(reader, 2);
            if (data.Length < size || end.Length < 2)
                return (body.ToString(), Ended);
            if (end != "\r\n")
                return (body.ToString(), "has a broken chunk");
            if (size == 0)
                return (body.ToString(), null);
        }
    }

    private static async Task<string> ReadLineAsync(PipeReader reader)
    {
        while (true)
        {
            var result = await reader.ReadAsync();
            if (result.Buffer.PositionOf((byte)'\n') is { } end)
                return Take(reader, result.Buffer.Slice(0, result.Buffer.GetPosition(1, end)));
            if (result.IsCompleted)
                return Take(reader, result.Buffer);
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private static async Task<string> ReadAsync(PipeReader reader, int length)
    {
        if (length == 0)
            return "";
        var result = await reader.ReadAtLeastAsync(length);
        return Take(reader, result.Buffer.Slice(0, Math.Min(length, result.Buffer.Length)));
    }

    private static string Take(PipeReader reader, ReadOnlySequence<byte> bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        reader.AdvanceTo(bytes.End);
        return text;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var socket in _open.Keys)
            socket.Close();
        await _accepting;
    }
}
