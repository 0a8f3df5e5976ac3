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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private Task<int>? _arriving;
    private ITimer? _timer;
    private bool _isReadable;
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
    /// Returns when there is something to read, or, if that is wanted, when it is to be closed. One read of nothing is
    /// under way at most, and is waited for again by the next call.
    /// </summary>
    protected async ValueTask WaitAsync(bool orClosing, CancellationToken cancellation)
    {
        if (_isReadable)
            return;
        if (_arriving is null)
        {
            var arriving = inner.ReadAsync(Memory<byte>.Empty, cancellation);
            _isReadable = arriving.IsCompletedSuccessfully;
            if (_isReadable)
                return;
            _arriving = arriving.AsTask();
        }

        if (orClosing)
            await Task.WhenAny(_arriving, _closing.Task);
        if (orClosing && !_arriving.IsCompleted)
            return;
        await _arriving;
        _arriving = null;
        _isReadable = true;
    }

    /// <summary>Reads what <see cref="WaitAsync"/> has waited for.</summary>
    protected ValueTask<int> TakeAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        _isReadable = false;
        return inner.ReadAsync(buffer, cancellation);
    }

    /// <summary>Waits until the read of nothing has ended; for one that has cancelled it.</summary>
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
        }

        base.Dispose(disposing);
    }
}
