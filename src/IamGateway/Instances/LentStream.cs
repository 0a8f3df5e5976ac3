namespace IamGateway.Instances;

/// <summary>
/// A stream lent to somebody who may close it: what waits on it ends with that, and the stream itself stays open.
/// </summary>
internal sealed class LentStream(Stream inner) : ForwardStream
{
    private readonly CancellationTokenSource _closed = new();
    private int _reading;

    /// <summary>Nobody waits for bytes of it, so none that come later can be lost.</summary>
    public bool IsIdle => Volatile.Read(ref _reading) == 0;

    public override bool CanWrite => true;

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reading);
        try
        {
            // Who gives up waiting closes the stream instead of cancelling the read.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token, cancellationToken);
            return await inner.ReadAsync(buffer, either.Token);
        }
        finally
        {
            Interlocked.Decrement(ref _reading);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(buffer, cancellationToken);

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _closed.Cancel();
        base.Dispose(disposing);
    }
}
