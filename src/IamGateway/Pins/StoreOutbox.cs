using System.Threading.Channels;
using IamGateway.Recording;

namespace IamGateway.Pins;

/// <summary>
/// Writes that no request waits for, carried out in order and in batches by one task, again and again until the store
/// takes them. <see cref="FlushAsync"/> waits until everything queued before is in the store.
/// </summary>
internal sealed class StoreOutbox(IPinStore store, GatewayMetrics metrics, TimeProvider time)
{
    private const int BatchSize = 256;
    private const int Capacity = 1_000_000;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);
    private readonly Lock _lock = new();
    private readonly Queue<StoreWrite> _queue = [];
    private readonly Queue<(long At, TaskCompletionSource Done)> _waiters = [];
    private readonly Channel<bool> _signal =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private long _enqueued;
    private long _applied;

    public int Count
    {
        get
        {
            lock (_lock)
                return _queue.Count;
        }
    }

    /// <summary>
    /// Queues a write. When the queue is full, extensions are dropped silently and names are dropped and counted.
    /// </summary>
    public void Add(in StoreWrite write)
    {
        lock (_lock)
        {
            if (_queue.Count >= (write.Kind == StoreWriteKind.Refresh ? Capacity / 2 : Capacity))
            {
                metrics.WriteDropped(write.Kind);
                return;
            }

            _queue.Enqueue(write);
            _enqueued++;
            if (_queue.Count > 1)
                return;
        }

        // Dropped if it is awake already.
        _signal.Writer.TryWrite(true);
    }

    /// <summary>The end of what is queued now, for <see cref="IsThrough"/>.</summary>
    public long Mark()
    {
        lock (_lock)
            return _enqueued;
    }

    public bool IsThrough(long mark)
    {
        lock (_lock)
            return _applied >= mark;
    }

    public Task FlushAsync(CancellationToken cancellation)
    {
        TaskCompletionSource done;
        lock (_lock)
        {
            if (_applied == _enqueued)
                return Task.CompletedTask;
            done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Enqueue((_enqueued, done));
        }

        return done.Task.WaitAsync(cancellation);
    }

    public async Task RunAsync(Func<ClaimTerms> terms, CancellationToken stop)
    {
        var batch = new List<StoreWrite>(BatchSize);
        while (true)
        {
            Take(batch);
            if (batch.Count == 0)
            {
                try
                {
                    await _signal.Reader.ReadAsync(stop);
                }
                catch (OperationCanceledException)
                {
                    return;
                }

                continue;
            }

            while (!await TryApplyAsync(terms(), batch))
            {
                if (stop.IsCancellationRequested)
                    return;
                await Task.Delay(RetryDelay, time, CancellationToken.None);
            }

            Done(batch.Count);
            batch.Clear();
        }
    }

    private void Take(List<StoreWrite> batch)
    {
        lock (_lock)
        {
            while (batch.Count < BatchSize && _queue.TryDequeue(out var write))
                batch.Add(write);
        }
    }

    private async Task<bool> TryApplyAsync(ClaimTerms terms, List<StoreWrite> batch)
    {
        try
        {
            await store.ApplyAsync(terms, batch);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    private void Done(int count)
    {
        lock (_lock)
        {
            _applied += count;
            while (_waiters.TryPeek(out var waiter) && waiter.At <= _applied)
                _waiters.Dequeue().Done.TrySetResult();
        }
    }
}
