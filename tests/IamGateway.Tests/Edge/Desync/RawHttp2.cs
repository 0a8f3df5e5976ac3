using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>A client that sends HTTP/2 frames as the test says, with fields that no library would send.</summary>
internal sealed class RawHttp2 : IDisposable
{
    private const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, GoAway = 7, EndStream = 1, EndHeaders = 4;
    private static readonly string[] StaticStatuses = ["200", "204", "206", "304", "400", "404", "500"];
    private readonly TcpClient _client = new() { NoDelay = true };
    private readonly CancellationTokenSource _over = new(TimeSpan.FromSeconds(60));

    public static async Task<RawHttp2> ConnectAsync(Uri address)
    {
        var raw = new RawHttp2();
        await raw._client.ConnectAsync(address.Host, address.Port);
        await raw._client.GetStream().WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await raw.SendAsync(Settings, 0, 0, []);
        return raw;
    }

    /// <summary>
    /// One request; null instead of a body: the header fields end it. Not whole: nothing ends the body.
    /// </summary>
    public async Task RequestAsync(
        int stream, IEnumerable<(string Name, string Value)> fields, string? body,
        IEnumerable<(string Name, string Value)>? trailers = null, bool isWhole = true)
    {
        await SendAsync(Headers, (byte)(EndHeaders | (body is null ? EndStream : 0)), stream, Block(fields));
        if (body is null)
            return;
        var end = isWhole && trailers is null ? EndStream : (byte)0;
        await SendAsync(Data, end, stream, Encoding.Latin1.GetBytes(body));
        if (trailers is not null)
            await SendAsync(Headers, EndHeaders | EndStream, stream, Block(trailers));
    }

    /// <summary>How a stream ends: its status, "reset", or "goaway" for the whole connection.</summary>
    public async Task<string> OutcomeAsync(int stream)
    {
        try
        {
            string? status = null;
            while (true)
            {
                var head = new byte[9];
                await _client.GetStream().ReadExactlyAsync(head, _over.Token);
                var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
                await _client.GetStream().ReadExactlyAsync(payload, _over.Token);
                var of = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5));
                if (head[3] == GoAway)
                    return "goaway";
                if (of != stream)
                    continue;
                if (head[3] == Reset)
                    return status ?? "reset";
                if (head[3] == Headers)
                    status ??= Status(payload);
                if (head[3] is Headers or Data && (head[4] & EndStream) != 0)
                    return status!;
            }
        }
        catch (IOException)
        {
            return "goaway";
        }
    }

    private async Task SendAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8),
            (byte)payload.Length);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        try
        {
            await _client.GetStream().WriteAsync(frame, _over.Token);
        }
        catch (IOException)
        {
            // What the peer said before it closed the connection is read as the outcome.
        }
    }

    // Literal fields without indexing (RFC 7541, section 6.2.2), which may hold any byte.
    private static byte[] Block(IEnumerable<(string Name, string Value)> fields)
    {
        using var block = new MemoryStream();
        foreach (var (name, value) in fields)
        {
            block.WriteByte(0);
            Write(block, name);
            Write(block, value);
        }

        return block.ToArray();
    }

    private static void Write(MemoryStream block, string text)
    {
        Assert.InRange(text.Length, 0, 126);
        block.WriteByte((byte)text.Length);
        block.Write(Encoding.Latin1.GetBytes(text));
    }

    // The status comes first: one of the static table, or a literal of its name.
    private static string Status(byte[] block) => block[0] is >= 0x88 and <= 0x8e
        ? StaticStatuses[block[0] - 0x88]
        : block[0] is 0x08 or 0x48 && block[1] == 3
            ? Encoding.ASCII.GetString(block, 2, 3)
            : throw new InvalidDataException($"Unknown first field: {Convert.ToHexString(block)}");

    public void Dispose()
    {
        _client.Dispose();
        _over.Dispose();
    }
}
