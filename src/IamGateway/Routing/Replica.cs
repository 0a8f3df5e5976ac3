using System.Diagnostics.CodeAnalysis;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Rollouts;
using Microsoft.Extensions.Logging;

namespace IamGateway.Routing;

/// <summary>
/// This process among the replicas: registers, follows the routing state, does what a state asks before acknowledging
/// it, and puts the state back when the store has lost it.
/// </summary>
internal sealed partial class Replica(
    IRoutingStore store, IPinStore pins, StoreOutbox outbox, InFlight inFlight, InstanceTable instances,
    GatewaySettings settings, GatewayMetrics metrics, TimeProvider time, ILogger<Replica> logger)
    : IDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PollIntervalWhenAway = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PatienceWhenAway = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan PatienceForLoops = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PatienceForState = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly WakeUp _wake = new();
    private readonly SemaphoreSlim _moving = new(1, 1);
    private readonly Dictionary<long, long> _forgottenSince = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RoutingView? _view;
    private ReplicaEntry? _me;
    private Task _loops = Task.CompletedTask;
    private long _fulfilled;
    private long? _strangeSince;
    private string? _acknowledgedGeneration;
    private string? _namesPutBackIn;
    private volatile string? _disagreement;
    private bool _isServing;

    /// <summary>The state this replica applies. Not there before <see cref="StartAsync"/> is through.</summary>
    public RoutingView View => Volatile.Read(ref _view!);

    public bool HasView => Volatile.Read(ref _view) is not null;

    public long Id => _me?.Id ?? 0;

    public string Name => _me?.Name ?? "starting";

    /// <summary>Traffic should come here.</summary>
    public bool IsReady => CanServe && IsListening && !IsLeaving;

    /// <summary>What comes here is served; while leaving too, for it is registered until the end.</summary>
    public bool CanServe => _isServing && !IsForgotten && _disagreement is null;

    /// <summary>The proxy listener is open.</summary>
    public bool IsListening { get; set; }

    /// <summary>Somebody said that this process is dead: it serves no session any more.</summary>
    public bool IsForgotten { get; private set; }

    public bool IsLeaving { get; set; }

    public bool IsStoreUp { get; private set; }

    /// <summary>Why there is no routing state yet, for the one who waits for it.</summary>
    public string? NotReadyReason
    {
        get => _disagreement is { } reason && !IsForgotten ? $"IamGateway:Store:HashKey: {reason}" : field;
        private set;
    } = "The routing state has not been read yet.";

    /// <summary>Raised for every transition of a rollout that this replica has written.</summary>
    public event Action<RolloutMove>? RolloutMoved;

    /// <summary>Called once when this replica finds itself forgotten.</summary>
    public Action? OnForgotten { get; set; }

    /// <summary>Raised after another state is applied here.</summary>
    public event Action? Adopted;

    /// <summary>Registers and reads the state; returns when sessions can be served.</summary>
    public async Task StartAsync(string name, string adminAddress, CancellationToken cancellation)
    {
        await store.SubscribeAsync(_wake.Call);
        while (_me is null)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                await TryRegisterAsync(name, adminAddress);
            }
            catch (StoreUnavailableException e)
            {
                NotReadyReason = e.Message;
                _disagreement = null;
                _strangeSince = null;
            }

            if (_me is null)
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellation);
        }

        IsStoreUp = true;
        _loops = Task.WhenAll(FollowAsync(_stop.Token), outbox.RunAsync(() => View.Terms, _stop.Token));
        await UntilGenerationAsync(cancellation);
        NotReadyReason = null;
        _isServing = true;
    }

    // The state just read may be older than what another replica remembers and is about to put back.
    private async Task UntilGenerationAsync(CancellationToken cancellation)
    {
        while (!await WaitForAsync(s => !s.BehindGeneration().Any(), PatienceForState))
        {
            cancellation.ThrowIfCancellationRequested();
            var silent = string.Join(", ", View.State.BehindGeneration().Select(r => r.Name));
            NotReadyReason = $"The store has restarted or failed over and {silent} did not acknowledge it; "
                + "forget a replica that is dead.";
        }
    }

    /// <summary>
    /// Another replica may be about to put its state back into a store that has lost it or holds an older one; what is
    /// made of that here would forget what was newest. The time begins when the store answers: before, nobody could put
    /// it back.
    /// </summary>
    private bool IsLeftToOthers(StoredRouting stored)
    {
        if (store is MemoryRoutingStore)
            return false;
        if (stored.State is { } state && !stored.RunIds.Except(state.Generation.RunIds).Any())
            return false;
        _strangeSince ??= time.GetTimestamp();
        return time.GetElapsedTime(_strangeSince.Value) < settings.Options.Store.RestoreWait;
    }

    private async Task TryRegisterAsync(string name, string adminAddress)
    {
        var stored = await store.ReadAsync(null);
        if (IsLeftToOthers(stored))
            return;
        var state = stored.State;
        var now = time.GetUtcNow();
        var events = new List<AuditEvent>();
        if (state?.HashKey.IsOf(HashKey) != false)
        {
            _disagreement = null;
        }
        else
        {
            state = TryExchangeHashKey(stored, adminAddress);
            if (state is null)
                return;
            events.Add(Event("replica", "hash_key.exchanged", null, null, state.Revision));
        }

        if (state is null)
        {
            if ((settings.Initial ?? Single(settings.Versions)) is not { } initial)
            {
                NotReadyReason = "There is no routing state and no one version is configured; "
                    + "set IamGateway:Versions:Initial.";
                return;
            }

            state = RoutingState.Create(settings.Versions, initial, stored.RunIds, now, HashKey)
                with
            { RecordedSince = now };
        }
        else if (stored.RunIds.Except(state.Generation.RunIds).Any())
        {
            state = state.Regenerate(stored.RunIds) with { RecordedSince = now };
        }

        var (registered, id) = state.Know(settings.Versions, now)
            .Register(name, adminAddress, now, exclusive: store is MemoryRoutingStore);
        registered = registered with { Sequence = (stored.State?.Sequence ?? 0) + 1 };
        events.Add(Event("replica", "replica.joined", null, name, registered.Revision));
        if (!await store.TryWriteAsync(stored.State, registered, events))
            return;
        if (events.Count > 1)
            Log.HashKeyExchanged(logger);
        TryAdopt(registered);
        _fulfilled = registered.Revision;
        Volatile.Write(ref _acknowledgedGeneration, registered.Generation.Tag);
        _namesPutBackIn = registered.Generation.Tag;
        _me = registered.Replicas.First(r => r.Id == id);
        Log.Registered(logger, name, id, registered.Revision);
    }

    private static VersionId? Single(IReadOnlyList<VersionId> versions) => versions.Count == 1 ? versions[0] : null;

    /// <summary>
    /// Ends this registration. Call when no request comes in any more and those in flight have had their time.
    /// </summary>
    public async Task LeaveAsync(CancellationToken cancellation)
    {
        if (_me is null || _stop.IsCancellationRequested)
            return;
        try
        {
            await outbox.FlushAsync(cancellation);
            // What the instances may still be working on keeps this registration, and its leases, for RequestTimeout.
            await ChangeAsync(
                s => inFlight.Count > 0 ? s.Forget(Id) : s.Remove(Id, time.GetUtcNow()),
                "replica", "replica.left", Name);
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            Log.LeftWithoutStore(logger, Name);
        }

        await _stop.CancelAsync();
        try
        {
            await _loops.WaitAsync(PatienceForLoops, time, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            // Whatever a store does, the process ends.
        }
    }

    // The semaphores stay: the store's subscription may call to the very end, and they hold nothing of the system.
    public void Dispose() => _stop.Dispose();

    private void Adopt(RoutingState state)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            // Never back: what does not continue the present state must be merged with it first.
            if (_view is { } current && (ReferenceEquals(state, current.State) || !state.Continues(current.State)))
                return;
            instances.Apply(state);
            Volatile.Write(ref _view, new RoutingView(state, _view, settings.Options));
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        metrics.Routing(state);
        changed.TrySetResult();
        Adopted?.Invoke();
    }

    /// <summary>
    /// Carries out a command on the routing state and applies it here at once. Without <paramref name="what"/> only
    /// transitions of a rollout are events. A refusal is an event too if somebody is to find it later; what the gateway
    /// tries again and again by itself is not.
    /// </summary>
    public async Task<Change> ChangeAsync(
        Func<RoutingState, Change> command, string who, string? what, string? to, string? from = null,
        bool auditRefusal = false)
    {
        while (true)
        {
            var view = View;
            var stored = await store.ReadAsync(view.State);
            if (!IsOfGeneration(stored, view.State, out var state) && ReferenceEquals(view, View))
            {
                _wake.Call();
                throw new StoreUnavailableException(
                    NotReadyReason ?? "The store has lost the routing state; it is being put back.");
            }

            if (state is null)
                continue;
            var change = command(state);
            var next = change.State ?? (auditRefusal ? state with { } : state);
            if (ReferenceEquals(next, state))
                return change;
            next = next with { Sequence = state.Sequence + 1 };
            var moves = RolloutMove.Between(state, next).ToArray();
            var result = change.Refusal?.Code ?? "ok";
            AuditEvent[] events =
            [
                .. what is null ? [] : new[] { Event(who, what, from, to, next.Revision, result) },
                .. moves.Select(m => m.Event()),
            ];
            if (!await TryWriteAsync(state, next, events, moves))
                continue;
            Adopt(next);
            _wake.Call();
            return change.Refusal is null ? next : change;
        }
    }

    private async ValueTask<bool> TryWriteAsync(
        RoutingState state, RoutingState next, AuditEvent[] events, RolloutMove[] moves)
    {
        if (moves.Length == 0)
            return await store.TryWriteAsync(state, next, events);
        // Told in the order in which they were written, whichever thread writes the next one.
        await _moving.WaitAsync();
        try
        {
            var isWritten = await store.TryWriteAsync(state, next, events);
            foreach (var move in isWritten ? moves : [])
                RolloutMoved?.Invoke(move);
            return isWritten;
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>
    /// True if the store is the one that the known state was agreed on, and holds that state or a later one.
    /// </summary>
    private static bool IsOfGeneration(
        StoredRouting stored, RoutingState known, [NotNullWhen(true)] out RoutingState? state)
    {
        state = stored.State is { } found && found.Generation.Tag == known.Generation.Tag && found.Continues(known)
            && !stored.RunIds.Except(found.Generation.RunIds).Any()
            ? found
            : null;
        return state is not null;
    }

    public AuditEvent Event(string who, string what, string? from, string? to, long revision, string result = "ok") =>
        new("", time.GetUtcNow(), who, what, from, to, result, revision);

    /// <summary>Waits until the state fulfils a condition; false: it did not in time.</summary>
    public async Task<bool> WaitForAsync(Func<RoutingState, bool> condition, TimeSpan patience)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            Task changed;
            lock (_lock)
                changed = _changed.Task;
            if (condition(View.State))
                return true;
            var left = patience - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !await CompletesAsync(changed, left))
                return condition(View.State);
        }
    }

    /// <summary>
    /// A request has met a store that is ahead of, or other than, its view: look at once and wait for another view.
    /// </summary>
    public async Task<bool> NewerAsync(RoutingView view, TimeSpan patience)
    {
        Task changed;
        lock (_lock)
            changed = _changed.Task;
        if (!ReferenceEquals(view, View))
            return true;
        _wake.Call();
        var started = time.GetTimestamp();
        while (true)
        {
            var waited = time.GetElapsedTime(started);
            // While the store is away nothing will come: a refusal is to be fast then.
            var left = (IsStoreUp ? patience : Min(patience, PatienceWhenAway)) - waited;
            if (left <= TimeSpan.Zero)
                return false;
            if (await CompletesAsync(changed, Min(left, PatienceWhenAway)))
                return true;
        }
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private async Task<bool> CompletesAsync(Task task, TimeSpan patience)
    {
        try
        {
            await task.WaitAsync(patience, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
