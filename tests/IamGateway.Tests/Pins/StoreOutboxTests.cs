using System.Text;
using System.Threading.Channels;
using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Pins;

public sealed class StoreOutboxTests : IAsyncLifetime
{
    private static readonly ClaimTerms Terms = new RoutingView(States.Steady(), null, new GatewayOptions()).Terms;
    private readonly FakePinStore _store = new();
    private readonly GatewayMetrics _metrics = new();
    private readonly TimerWatch _time = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly StoreOutbox _outbox;
    private Task _running = Task.CompletedTask;

    public StoreOutboxTests() => _outbox = new StoreOutbox(_store, _metrics, _time);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    [Fact]
    public async Task FlushAsync_WritesQueued_WaitsUntilTheStoreHasThemInOrder()
    {
        Add(0, 1000);
        Start();

        await _outbox.FlushAsync(CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 1000), _store.Writes.Select(w => w.Ordinal));
        Assert.Equal((0, 256), (_outbox.Count, _store.LargestBatch));
    }

    [Fact]
    public async Task FlushAsync_NothingQueued_IsDoneAtOnce()
    {
        Assert.True(_outbox.FlushAsync(CancellationToken.None).IsCompletedSuccessfully);
        Add(0, 1);
        Start();
        await _outbox.FlushAsync(CancellationToken.None);

        Assert.True(_outbox.FlushAsync(CancellationToken.None).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task FlushAsync_WriteTakenFromTheQueueButNotInTheStore_StillWaits()
    {
        var gate = new TaskCompletionSource();
        _store.Gate = gate.Task;
        Add(0, 1);
        Start();

        var flush = _outbox.FlushAsync(CancellationToken.None);
        var mark = _outbox.Mark();
        Assert.False(flush.IsCompleted);
        Assert.False(_outbox.IsThrough(mark));
        gate.SetResult();
        await flush;

        Assert.True(_outbox.IsThrough(mark));
        Assert.Single(_store.Writes);
    }

    [Fact]
    public async Task RunAsync_StoreAway_TriesAgainUntilItTakesThemInOrder()
    {
        _store.Failures = 3;
        Add(0, 300);
        Start();

        for (var i = 0; i < 3; i++)
            await _time.PassTimerAsync();
        Add(300, 400);
        await _outbox.FlushAsync(CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 400), _store.Writes.Select(w => w.Ordinal));
    }

    [Fact]
    public async Task FlushAsync_Cancelled_Ends()
    {
        using var cancellation = new CancellationTokenSource();
        Add(0, 1);
        var flush = _outbox.FlushAsync(cancellation.Token);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flush);
        Start();
        await _outbox.FlushAsync(CancellationToken.None);
        Assert.Single(_store.Writes);
    }

    [Fact]
    public async Task RunAsync_StoppedWithWritesQueued_CarriesThemOutFirst()
    {
        Add(0, 1000);
        await _stop.CancelAsync();

        await _outbox.RunAsync(() => Terms, _stop.Token);

        Assert.Equal(1000, _store.Writes.Length);
    }

    [Fact]
    public async Task RunAsync_StoppedWhileTheStoreIsAway_Ends()
    {
        _store.Failures = int.MaxValue;
        Add(0, 1);
        await _stop.CancelAsync();

        await _outbox.RunAsync(() => Terms, _stop.Token);

        Assert.Empty(_store.Writes);
    }

    [Fact]
    public async Task Add_FromManyThreadsWhileRunning_LosesNothing()
    {
        Start();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(t => Task.Run(() => Add(t * 5000, (t + 1) * 5000))));
        await _outbox.FlushAsync(CancellationToken.None);

        var ordinals = _store.Writes.Select(w => w.Ordinal).ToArray();
        Assert.Equal(Enumerable.Range(0, 20_000), ordinals.Order());
        for (var t = 0; t < 4; t++)
            Assert.Equal(Enumerable.Range(t * 5000, 5000), ordinals.Where(o => o / 5000 == t));
    }

    [Fact]
    public async Task Add_HalfFull_DropsExtensionsAndStillTakesNames()
    {
        for (var i = 0; i < 500_000; i++)
            _outbox.Add(new StoreWrite(StoreWriteKind.Refresh, default));
        _outbox.Add(new StoreWrite(StoreWriteKind.Refresh, default));
        Add(0, 1);

        Assert.Equal(500_001, _outbox.Count);
        Assert.Equal(500_001, _outbox.Mark());
        using var stream = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(stream);
        var text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.Contains("iamgateway_store_writes_dropped_total{kind=\"refresh\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("iamgateway_store_writes_dropped_total{kind=\"name\"} 0\n", text, StringComparison.Ordinal);
    }

    private void Start() => _running = Task.Run(() => _outbox.RunAsync(() => Terms, _stop.Token));

    private void Add(int from, int to)
    {
        for (var i = from; i < to; i++)
            _outbox.Add(new StoreWrite(StoreWriteKind.Record, new SessionKey((ulong)i), Ordinal: i));
    }

    /// <summary>Lets time pass when somebody waits for it, and not before.</summary>
    private sealed class TimerWatch : FakeTimeProvider
    {
        private readonly Channel<bool> _timers = Channel.CreateUnbounded<bool>();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            _timers.Writer.TryWrite(true);
            return timer;
        }

        public async Task PassTimerAsync()
        {
            await _timers.Reader.ReadAsync();
            Advance(TimeSpan.FromMilliseconds(100));
        }
    }
}
