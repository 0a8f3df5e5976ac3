using System.Runtime.CompilerServices;

namespace IamGateway.Instances;

/// <summary>
/// Question and answer over a connection of HTTP/1.1. One that ends unanswered ends with an exception: the HTTP client
/// would take a mere end for that of an idle connection, and repeat a request without a body by itself, which the
/// instance may have carried out.
/// </summary>
internal sealed class Exchange(InstanceStream connection)
{
    // So much is taken by the system as a whole or not at all.
    private const int MaxAtomicWrite = 8 * 1024;
    private long _sentBefore;
    private int _writes;
    private volatile bool _isAsked;
    private volatile bool _isEnded;
    private bool _isOpaque;

    /// <summary>Call before something is written.</summary>
    public void Ask(ReadOnlySpan<byte> bytes)
    {
        if (_isOpaque)
            return;
        if (_isAsked)
        {
            _writes++;
            return;
        }

        if (_isEnded)
            throw new UnansweredException(wasDelivered: false, null);
        // HTTP/2 has many questions at a time, and says itself which of them were not looked at.
        _isOpaque = bytes.StartsWith("PRI "u8);
        _sentBefore = connection.Sent;
        _writes = bytes.Length <= MaxAtomicWrite ? 1 : 2;
        _isAsked = !_isOpaque;
    }

    public ValueTask WriteAsync(ValueTask writing) =>
        writing.IsCompletedSuccessfully ? writing : AwaitWriteAsync(writing);

    private async ValueTask AwaitWriteAsync(ValueTask writing)
    {
        try
        {
            await writing;
        }
        catch (IOException e) when (_isAsked)
        {
            throw new UnansweredException(wasDelivered: _writes > 1, e);
        }
    }

    /// <summary>Waits for a read, and counts what it brings where nobody below does.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, ValueTask<int> reading, bool counts = false)
    {
        int count;
        try
        {
            count = await reading;
        }
        catch (IOException e) when (_isAsked)
        {
            throw new UnansweredException(wasDelivered: true, e);
        }

        if (counts)
            connection.Count(count);
        // A read of nothing waits for bytes and takes none.
        if (buffer.Length == 0)
            return 0;
        if (count == 0)
        {
            _isEnded = true;
            return _isAsked ? throw new UnansweredException(!connection.HasEndedBefore(_sentBefore), null) : 0;
        }

        if (_isAsked)
        {
            // Behind an upgrade nobody asks any more.
            _isOpaque = buffer.Span[..count].StartsWith("HTTP/1.1 101"u8);
            _isAsked = false;
        }

        return count;
    }
}
