using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>
/// What an instance sends over a connection that has no end of its own. It can be closed from outside at a place where
/// the client is not harmed; what has not come to its end a while later is cut.
/// </summary>
internal abstract class LastingStream(
    Stream inner, HttpContext http, GatewayRequest request, OpenConnections connections, TimeProvider time)
    : ForwardStream
{
    private const int BufferSize = 16 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private Task<int>? _arriving;
    private byte[]? _held;
    private int _position;
    private int _length;
    private bool _isAnnounced;
    private bool _isAtEnd;
    private ITimer? _timer;
    private bool _isEnded;

    public GatewayRequest Request { get; } = request;

    /// <summary>It is closed or will be.</summary>
    public bool IsDue { get; private set; }

    protected bool IsClosing => _closing.Task.IsCompleted;

    public override bool CanWrite => inner.CanWrite;

    /// <summary>Closes it after a while; the first call counts.</summary>
    public void CloseAfter(TimeSpan delay)
    {
        lock (_lock)
        {
            if (IsDue || _isEnded)
                return;
            IsDue = true;
            SetTimer(StartClosing, delay);
        }
    }

    private void StartClosing()
    {
        lock (_lock)
        {
            if (_isEnded)
                return;
            SetTimer(Cut, Patience);
        }

        _closing.TrySetResult();
        OnClosing();
    }

    /// <summary>Called when it is to be closed, beside the reads.</summary>
    protected virtual void OnClosing()
    {
    }

    /// <summary>From now on it has the whole time again to come to its end.</summary>
    protected void RestartPatience()
    {
        lock (_lock)
            _timer?.Change(Patience, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Breaks it off on both sides. Under the lock: afterwards the context may belong to another.</summary>
    protected void Cut()
    {
        lock (_lock)
        {
            if (!_isEnded)
                http.Abort();
        }
    }

    private void SetTimer(Action action, TimeSpan delay)
    {
        _timer?.Dispose();
        _timer = time.CreateTimer(static state => ((Action)state!)(), action, delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// Returns when there is something to read, or, if that is wanted, when it is to be closed. One read is under way
    /// at most, and is waited for again by the next call. A read of nothing, which needs no buffer, comes first; but a
    /// socket may end it although there is nothing, so that only bytes in hand are believed.
    /// </summary>
    protected async ValueTask WaitAsync(bool orClosing, CancellationToken cancellation)
    {
        while (_position == _length && !_isAtEnd)
        {
            _arriving ??= Begin(cancellation);
            if (orClosing)
                await Task.WhenAny(_arriving, _closing.Task);
            if (orClosing && !_arriving.IsCompleted)
                return;
            var arrived = _arriving;
            _arriving = null;
            var count = await arrived;
            if (_isAnnounced)
                (_position, _length, _isAtEnd) = (0, count, count == 0);
            _isAnnounced = !_isAnnounced;
        }
    }

    private Task<int> Begin(CancellationToken cancellation)
    {
        if (_isAnnounced)
            _held ??= ArrayPool<byte>.Shared.Rent(BufferSize);
        return inner.ReadAsync(_held, cancellation).AsTask();
    }

    /// <summary>Takes what <see cref="WaitAsync"/> has waited for.</summary>
    protected int Take(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _length - _position);
        _held.AsSpan(_position, count).CopyTo(buffer);
        _position += count;
        if (_position == _length)
            Free();
        return count;
    }

    private void Free()
    {
        if (_held is not null)
            ArrayPool<byte>.Shared.Return(_held, clearArray: true);
        _held = null;
    }

    /// <summary>Waits until the read under way has ended; for one that has cancelled it.</summary>
    protected async ValueTask SettleAsync()
    {
        if (_arriving is { } arriving)
            await arriving.ContinueWith(static _ => { }, TaskScheduler.Default);
        _arriving = null;
    }

    public override ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(buffer, cancellationToken);

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            lock (_lock)
            {
                _isEnded = true;
                _timer?.Dispose();
            }

            connections.Remove(this);
            inner.Dispose();
            // A read under way has the buffer still.
            if (_arriving is null)
                Free();
        }

        base.Dispose(disposing);
    }
}
