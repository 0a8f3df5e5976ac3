using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Runtime.Versioning;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>A client that sends HTTP/3 frames as the test says, with fields that no library would send.</summary>
[SupportedOSPlatform("linux")]
internal sealed class RawHttp3 : IAsyncDisposable
{
    private const byte DataFrame = 0, HeadersFrame = 1, SettingsFrame = 4, ControlStream = 0;

    // Of the static table (RFC 9204, appendix A).
    private static readonly Dictionary<int, string> StaticStatuses = new()
    {
        [25] = "200",
        [26] = "304",
        [27] = "404",
        [28] = "503",
        [63] = "100",
        [64] = "204",
        [67] = "400",
        [71] = "500",
    };

    private readonly TaskCompletionSource<int> _streams = new();
    private QuicConnection _connection = null!;
    private QuicStream? _control;
    private readonly CancellationTokenSource _over = new(TimeSpan.FromSeconds(60));

    public static async Task<RawHttp3> ConnectAsync(Uri address, X509ChainPolicy policy)
    {
        var raw = new RawHttp3();
        raw._connection = await QuicConnection.ConnectAsync(new QuicClientConnectionOptions
        {
            RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address.Host), address.Port),
            DefaultCloseErrorCode = 0x100,
            DefaultStreamErrorCode = 0x10c,
            MaxInboundUnidirectionalStreams = 3,
            ClientAuthenticationOptions = new SslClientAuthenticationOptions
            {
                ApplicationProtocols = [SslApplicationProtocol.Http3],
                CertificateChainPolicy = policy,
                TargetHost = "localhost",
            },
            StreamCapacityCallback = (_, more) => raw._streams.TrySetResult(more.BidirectionalIncrement),
        });
        try
        {
            // Open as long as the connection is.
            raw._control = await raw._connection.OpenOutboundStreamAsync(QuicStreamType.Unidirectional);
            await raw._control.WriteAsync(new byte[] { ControlStream, SettingsFrame, 0 });
        }
        catch (QuicException)
        {
            // A connection that the peer closes at once is the outcome of the requests.
        }

        return raw;
    }

    /// <summary>How many requests at once the server allows.</summary>
    public Task<int> StreamsAsync() => _streams.Task.WaitAsync(_over.Token);

    public ValueTask<QuicStream> OpenStreamAsync() =>
        _connection.OpenOutboundStreamAsync(QuicStreamType.Bidirectional, _over.Token);

    /// <summary>
    /// One request and how it ends: its status, "reset" for its stream, or "goaway" for the whole connection. Null
    /// instead of a body: the header fields end it.
    /// </summary>
    public async Task<string> RequestAsync(
        IEnumerable<(string Name, string Value)> fields, string? body,
        IEnumerable<(string Name, string Value)>? trailers = null)
    {
        QuicStream stream;
        try
        {
            stream = await OpenStreamAsync();
        }
        catch (QuicException)
        {
            return "goaway";
        }

        await using var open = stream;
        try
        {
            await stream.WriteAsync(
                (byte[])
                [
                    .. Headers(fields),
                    .. body is null ? [] : Frame(DataFrame, Encoding.Latin1.GetBytes(body)),
                    .. trailers is null ? [] : Headers(trailers),
                ],
                completeWrites: true, _over.Token);
        }
        catch (QuicException)
        {
            // What the peer said before it closed the stream is read as the outcome.
        }

        return await OutcomeAsync(stream);
    }

    public async Task<string> OutcomeAsync(QuicStream stream)
    {
        string? status = null;
        try
        {
            while (true)
            {
                if (await ReadNumberAsync(stream) is not { } type)
                    return status ?? "nothing";
                var payload = new byte[(await ReadNumberAsync(stream))!.Value];
                await stream.ReadExactlyAsync(payload, _over.Token);
                if (type == HeadersFrame)
                    status ??= Status(payload);
            }
        }
        catch (QuicException e)
        {
            return status ?? (e.QuicError == QuicError.StreamAborted ? "reset" : "goaway");
        }
    }

    private static byte[] Frame(byte type, byte[] payload) => [type, .. Number(payload.Length), .. payload];

    // RFC 9000, section 16, in the form of four bytes.
    private static byte[] Number(int value) =>
        [(byte)(0x80 | (value >> 24)), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private async Task<long?> ReadNumberAsync(QuicStream stream)
    {
        var first = new byte[1];
        if (await stream.ReadAsync(first, _over.Token) == 0)
            return null;
        long value = first[0] & 0x3f;
        var rest = new byte[(1 << (first[0] >> 6)) - 1];
        await stream.ReadExactlyAsync(rest, _over.Token);
        return rest.Aggregate(value, (v, b) => (v << 8) | b);
    }

    /// <summary>
    /// A frame of literal fields with literal names (RFC 9204, section 4.5.6), which may hold any byte.
    /// </summary>
    public static byte[] Headers(IEnumerable<(string Name, string Value)> fields)
    {
        var block = new List<byte> { 0, 0 };
        foreach (var (name, value) in fields)
        {
            Write(block, 0x20, 7, name);
            Write(block, 0, 127, value);
        }

        return Frame(HeadersFrame, [.. block]);
    }

    // RFC 7541, section 5.1: what does not fit into the rest of the first byte follows in groups of seven bits.
    private static void Write(List<byte> block, byte first, int most, string text)
    {
        block.Add((byte)(first | Math.Min(text.Length, most)));
        if (text.Length >= most)
        {
            var rest = text.Length - most;
            for (; rest > 127; rest >>= 7)
                block.Add((byte)(0x80 | (rest & 127)));
            block.Add((byte)rest);
        }

        block.AddRange(Encoding.Latin1.GetBytes(text));
    }

    // The status comes first: one of the static table, or a value for its name, which is number 24 or others there.
    private static string Status(byte[] block)
    {
        var index = (block[2] & 0x3f) == 0x3f ? 0x3f + block[3] : block[2] & 0x3f;
        if ((block[2] & 0xc0) == 0xc0 && StaticStatuses.TryGetValue(index, out var status))
            return status;
        return (block[2], block[4]) is (0x5f, 3)
            ? Encoding.ASCII.GetString(block, 5, 3)
            : throw new InvalidDataException($"Unknown first field: {Convert.ToHexString(block)}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_control is not null)
            await _control.DisposeAsync();
        await _connection.CloseAsync(0x100);
        await _connection.DisposeAsync();
        _over.Dispose();
    }
}
