using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// A lease that outlives the request which took it, so that the next ones of its session, or of all sessions of a group
/// that stay, need not ask the store: while it is there nobody raises the pin. The last one under it gives it back.
/// </summary>
/// <param name="view">The view it was taken under; requests of another one ask anew.</param>
/// <param name="root">The record that it is on, or any of a group.</param>
/// <param name="id">The lease, named after the request that took it.</param>
/// <param name="ordinal">The version that the session is at.</param>
/// <param name="seenAt">Timestamp from before it was asked for.</param>
/// <param name="group">Its number as a group's lease, which no other of this process has; 0: a session's.</param>
internal sealed class SharedLease(
    RoutingView view, SessionKey root, LeaseId id, int ordinal, long seenAt, int group = 0)
{
    private readonly Lock _lock = new();
    private int _requests = group == 0 ? 1 : 0;
    private bool _isKept = true;
    private int _unused;
    private long _seenAt = seenAt;

    public RoutingView View { get; } = view;

    public SessionKey Root { get; } = root;

    public LeaseId Id { get; } = id;

    public int Ordinal { get; } = ordinal;

    public int Group { get; } = group;

    public long TakenAt { get; } = seenAt;

    /// <summary>Timestamp from before the store was last seen to hold it, with nobody waiting for its end.</summary>
    public long SeenAt
    {
        get => Volatile.Read(ref _seenAt);
        set => Volatile.Write(ref _seenAt, value);
    }

    /// <summary>Requests may still come under it.</summary>
    public bool IsKept
    {
        get
        {
            lock (_lock)
                return _isKept;
        }
    }

    /// <summary>Nothing is under it, and nothing will be.</summary>
    public bool IsOver
    {
        get
        {
            lock (_lock)
                return !_isKept && _requests == 0;
        }
    }

    /// <summary>Puts a request under it; false: it is not kept any more.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            if (!_isKept)
                return false;
            _requests++;
            _unused = 0;
            return true;
        }
    }

    /// <summary>It is kept, and somebody relies on that; false: it is not.</summary>
    public bool TryUse()
    {
        lock (_lock)
        {
            _unused = 0;
            return _isKept;
        }
    }

    /// <summary>It is kept, and since a request came under it this was asked so many times at most.</summary>
    public bool WasUsed(int times)
    {
        lock (_lock)
            return _isKept && _unused++ < times;
    }

    /// <summary>A request under it has ended; true: it is to be given back.</summary>
    public bool Leave()
    {
        lock (_lock)
            return --_requests == 0 && !_isKept;
    }

    /// <summary>No further request comes under it; true: it is to be given back.</summary>
    public bool LetGo()
    {
        lock (_lock)
        {
            var wasKept = _isKept;
            _isKept = false;
            return wasKept && _requests == 0;
        }
    }
}
