using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace IamGateway.Instances;

/// <summary>
/// Question and answer over a connection of HTTP/1.1. One that ends unanswered ends with an exception: the HTTP client
/// would take a mere end for that of an idle connection, and repeat a request without a body by itself, which the
/// instance may have carried out.
/// </summary>
internal sealed class Exchange : IValueTaskSource<int>
{
    // So much is taken by the system as a whole or not at all.
    private const int MaxAtomicWrite = 8 * 1024;
    private readonly InstanceStream _connection;
    private long _sentBefore;
    private int _writes;
    private volatile bool _isAsked;
    private volatile bool _isEnded;
    private bool _isOpaque;

    // The read that is under way.
    private readonly Action _onRead;
    private ManualResetValueTaskSourceCore<int> _read;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _reading;
    private Memory<byte> _buffer;
    private bool _counts;
    private bool _isReading;

    public Exchange(InstanceStream connection) => (_connection, _onRead) = (connection, OnRead);

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
        _sentBefore = _connection.Sent;
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

    /// <summary>
    /// Waits for a read, one at a time, and counts what it brings where nobody below does. Not by an async method,
    /// which takes more of each answer's time.
    /// </summary>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, ValueTask<int> reading, bool counts = false)
    {
        if (Interlocked.Exchange(ref _isReading, true))
            throw new InvalidOperationException("A read of the connection is under way.");
        _buffer = buffer;
        _counts = counts;
        _read.Reset();
        _reading = reading.ConfigureAwait(false).GetAwaiter();
        if (_reading.IsCompleted)
            OnRead();
        else
            _reading.UnsafeOnCompleted(_onRead);
        return new ValueTask<int>(this, _read.Version);
    }

    private void OnRead()
    {
        var count = 0;
        Exception? error = null;
        try
        {
            count = Take(_reading.GetResult());
        }
        catch (IOException e) when (_isAsked && e is not UnansweredException)
        {
            error = new UnansweredException(wasDelivered: true, e);
        }
        catch (Exception e)
        {
            error = e;
        }

        // The reader, who goes on from here, may begin the next one.
        _buffer = default;
        _reading = default;
        Volatile.Write(ref _isReading, false);
        if (error is null)
            _read.SetResult(count);
        else
            _read.SetException(error);
    }

    private int Take(int count)
    {
        if (_counts)
            _connection.Count(count);
        // A read of nothing waits for bytes and takes none.
        if (_buffer.Length == 0)
            return 0;
        if (count == 0)
        {
            _isEnded = true;
            return _isAsked ? throw new UnansweredException(!_connection.HasEndedBefore(_sentBefore), null) : 0;
        }

        if (_isAsked)
        {
            // Behind an upgrade nobody asks any more.
            _isOpaque = _buffer.Span[..count].StartsWith("HTTP/1.1 101"u8);
            _isAsked = false;
        }

        return count;
    }

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);
}
