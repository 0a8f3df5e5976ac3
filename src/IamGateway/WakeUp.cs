namespace IamGateway;

/// <summary>
/// Wakes a loop that waits. Calls that come while it is at work count as one; those after its end as none.
/// </summary>
internal sealed class WakeUp : IDisposable
{
    private readonly SemaphoreSlim _signal = new(0, 1);

    public void Call()
    {
        try
        {
            _signal.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // It is awake already, or has ended.
        }
    }

    /// <summary>Waits for a call, for a time; true: one came.</summary>
    public Task<bool> WaitAsync(TimeSpan patience, CancellationToken cancellation) =>
        _signal.WaitAsync(patience, cancellation);

    public void Dispose() => _signal.Dispose();
}
