using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace IamGateway.Instances;

/// <summary>A connection to an instance, as it is on the wire.</summary>
internal sealed class InstanceStream : NetworkStream
{
    private const int Tcp = 6;
    private const int TcpInfo = 11;

    // tcpi_bytes_acked and tcpi_bytes_received of Linux, eight bytes each. The first counts the opening of the
    // connection, the second its end.
    private const int BytesAcked = 120;
    private const int BytesReceived = 128;
    private readonly Exchange? _exchange;

    /// <summary>Makes one. What is asked over an encrypted one cannot be followed here, but above it.</summary>
    public InstanceStream(Socket socket, bool isFollowed)
        : base(socket, ownsSocket: true) => _exchange = isFollowed ? new Exchange(this) : null;

    /// <summary>The bytes written so far.</summary>
    public long Sent { get; private set; }

    /// <summary>The bytes read so far.</summary>
    public long Received { get; private set; }

    /// <summary>
    /// True if it is certain that the other end had closed the connection before it received anything behind the first
    /// bytes sent: with its own end it has acknowledged all that had come, and what comes later is refused. Call when
    /// all that it sent was read. A reset proves nothing, for it acknowledges nothing.
    /// </summary>
    public bool HasEndedBefore(long sent)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            Span<byte> info = stackalloc byte[BytesReceived + sizeof(long)];
            return Socket.GetRawSocketOption(Tcp, TcpInfo, info) == info.Length
                && BitConverter.ToInt64(info[BytesReceived..]) == Received + 1
                && BitConverter.ToInt64(info[BytesAcked..]) - 1 <= sent;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = base.ReadAsync(buffer, cancellationToken);
        return _exchange is null ? CountAsync(reading) : _exchange.ReadAsync(buffer, reading, counts: true);
    }

    /// <summary>Counts bytes that were read.</summary>
    public void Count(int bytes) => Received += bytes;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> CountAsync(ValueTask<int> reading)
    {
        var count = await reading;
        Count(count);
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _exchange?.Ask(buffer.Span);
        Sent += buffer.Length;
        var writing = base.WriteAsync(buffer, cancellationToken);
        return _exchange?.WriteAsync(writing) ?? writing;
    }
}
