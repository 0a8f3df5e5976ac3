using System.Collections.Immutable;
using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

/// <summary>A routing store whose server a test can exchange for one that holds something else.</summary>
internal sealed class RoutingStoreDouble : IRoutingStore
{
    private readonly Lock _lock = new();
    private RoutingState? _state;
    private ImmutableArray<string> _runIds = ["run-1"];
    private Action? _changed;

    public RoutingState? State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    /// <summary>Another server takes over, with what it has.</summary>
    public void FailOver(string runId, RoutingState? state)
    {
        lock (_lock)
        {
            _runIds = [runId];
            _state = state;
        }

        _changed?.Invoke();
    }

    /// <summary>Writes as another replica does.</summary>
    public void Change(Func<RoutingState, RoutingState> change)
    {
        lock (_lock)
            _state = change(_state!) with { Sequence = _state!.Sequence + 1 };
        _changed?.Invoke();
    }

    /// <summary>Called before every read, with what it is about to find; it may throw.</summary>
    public Action<RoutingState?>? BeforeRead { get; set; }

    public ValueTask<StoredRouting> ReadAsync(RoutingState? known)
    {
        BeforeRead?.Invoke(State);
        lock (_lock)
            return new(new StoredRouting(_state, _runIds));
    }

    public ValueTask<bool> TryWriteAsync(RoutingState? expected, RoutingState next, IReadOnlyList<AuditEvent> events)
    {
        lock (_lock)
        {
            if (_state?.Generation.Tag != expected?.Generation.Tag || _state?.Sequence != expected?.Sequence
                || _runIds.Except(next.Generation.RunIds).Any())
                return new(false);
            _state = next;
        }

        _changed?.Invoke();
        return new(true);
    }

    public ValueTask<IReadOnlyList<AuditEvent>> ReadEventsAsync(string? after, int limit) => new([]);

    public ValueTask SubscribeAsync(Action changed)
    {
        _changed += changed;
        return ValueTask.CompletedTask;
    }
}
