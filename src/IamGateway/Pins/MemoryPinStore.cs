using IamGateway.Recording;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// The embedded store: one process, one replica. Bounded: at <paramref name="capacity"/> it makes no new entry for a
/// session it does not know, or one that goes with its last lease; such a session goes to the newest version.
/// For further names of the sessions it knows there is as much room again.
/// </summary>
internal sealed partial class MemoryPinStore(TimeProvider time, int capacity, GatewayMetrics metrics) : IPinStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<SessionKey, SessionRecordState> _entries = [];
    private readonly Dictionary<SessionKey, DateTimeOffset> _held = [];
    private DateTimeOffset _nextSweep;

    /// <summary>Entries, with those that have expired and not been swept out yet.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _entries.Count;
        }
    }

    public bool IsAnswering => true;

    public ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request)
    {
        lock (_lock)
            return new(Claim(terms, request));
    }

    private ClaimReply Claim(ClaimTerms terms, ClaimRequest request)
    {
        var now = time.GetUtcNow();
        var record = Get(request.Key, now);
        if (record?.AliasOf is { } target)
            return new ClaimReply(ClaimOutcome.Alias, Target: target);

        var known = record is not null;
        var proven = record?.Generation == terms.Generation;
        var pin = record?.Pin ?? 0;
        if (known && terms.Revoked.Contains(pin))
            return new ClaimReply(ClaimOutcome.Ended);
        if (pin > terms.Top)
            return new ClaimReply(ClaimOutcome.StaleView);
        if (known && pin < terms.Lowest)
        {
            record!.Pin = pin = terms.Lowest;
            record.Leases.Clear();
            record.WaitingSince = null;
        }

        if (known && pin == terms.Final)
        {
            if (!proven)
            {
                record!.Generation = terms.Generation;
                record.Leases.Clear();
                Put(request.Key, record, now, terms);
            }

            return new ClaimReply(ClaimOutcome.Final, pin, record!.Bucket);
        }

        if (!terms.GenerationAcknowledged)
            return new ClaimReply(ClaimOutcome.StaleGeneration);
        if (proven)
            return Move(terms, request, record!, now);
        if (terms.UnknownWaits)
            return new ClaimReply(ClaimOutcome.StaleView);
        if (terms.UnknownEnds)
            return new ClaimReply(ClaimOutcome.Ended);
        pin = Math.Max(pin, terms.Newest);
        var isFull = !known && IsFull(now);
        if (isFull && pin == terms.Final)
            return new ClaimReply(ClaimOutcome.Full, pin);
        var renewed = new SessionRecordState
        {
            Pin = pin,
            Bucket = record?.Bucket ?? request.Draw,
            Generation = terms.Generation,
            Ended = record?.Ended ?? isFull,
        };
        if (pin != terms.Final)
            return Move(terms, request, renewed, now);
        Put(request.Key, renewed, now, terms);
        if (!known)
            renewed.ExpiresAt = now + terms.UnknownTtl;
        return new ClaimReply(ClaimOutcome.Unknown, pin, renewed.Bucket);
    }

    // A wait is no decision: of the entry it changes nothing but that somebody waits.
    private ClaimReply Move(ClaimTerms terms, ClaimRequest request, SessionRecordState record, DateTimeOffset now)
    {
        if (request.MayRaise && terms.RaiseTo > record.Pin && (request.Must || record.Bucket < terms.Cut))
        {
            var waited = now - (record.WaitingSince ?? now);
            if (request.Must || !request.Hold || waited >= terms.MaxHold)
            {
                if (!record.Leases.Exists(l => l != request.Lease && l != request.Former && terms.IsLive(l.Replica)))
                {
                    record.Leases.Clear();
                    record.Pin = terms.RaiseTo;
                    record.WaitingSince = null;
                    Put(request.Key, record, now, terms);
                    return new ClaimReply(ClaimOutcome.Raised, record.Pin, record.Bucket);
                }

                if (request.Must)
                {
                    if (record.WaitingSince is null || waited >= terms.MaxWait)
                        record.WaitingSince = now;
                    return new ClaimReply(ClaimOutcome.Wait, record.Pin, record.Bucket);
                }

                if (waited >= terms.MaxDeferral + terms.MaxWait)
                    record.WaitingSince = now;
                else if (record.WaitingSince is not null && waited >= terms.MaxDeferral)
                    return new ClaimReply(ClaimOutcome.Wait, record.Pin, record.Bucket);
            }

            record.WaitingSince ??= now;
        }
        else if (request.Must)
        {
            return new ClaimReply(ClaimOutcome.Wait, record.Pin, record.Bucket);
        }
        else if (now - record.WaitingSince >= terms.MaxWait)
        {
            record.WaitingSince = null;
        }

        record.Leases.RemoveAll(l => l == request.Former || !terms.IsLive(l.Replica));
        if (!record.Leases.Contains(request.Lease))
            record.Leases.Add(request.Lease);
        Put(request.Key, record, now, terms);
        return new ClaimReply(
            ClaimOutcome.Leased, record.Pin, record.Bucket, IsAwaited: now - record.WaitingSince < terms.MaxWait);
    }

    public ValueTask<bool> LinkAsync(ClaimTerms terms, SessionKey name, SessionKey root, TimeSpan? lifetime = null)
    {
        lock (_lock)
        {
            return TryLink(terms, name, terms.HasLifetimes ? Root(root, time.GetUtcNow()) : root, lifetime)
                ? new(true)
                : throw new StoreUnavailableException("The embedded store has no room for another name of a session.");
        }
    }

    /// <summary>False: the session is known and the name could not be kept.</summary>
    private bool TryLink(ClaimTerms terms, SessionKey name, SessionKey root, TimeSpan? lifetime)
    {
        var now = time.GetUtcNow();
        if (name == root)
            return true;
        var entry = Get(name, now);
        if (entry is null && IsFull(now, report: false))
        {
            var isKnown = Get(Root(root, now), now) is { AliasOf: null };
            if (!isKnown || _entries.Count - capacity >= capacity)
            {
                metrics.StoreFull();
                return !isKnown;
            }
        }

        if (entry is null)
            _entries[name] = entry = new SessionRecordState { AliasOf = root };
        var isHeld = _held.TryGetValue(name, out var until) && until > now;
        Extend(entry, now + (isHeld ? terms.SessionTtl : lifetime ?? terms.SessionTtl));
        if (Get(root, now) is null)
            Hold(root, now, terms);
        return true;
    }

    private static void Extend(SessionRecordState entry, DateTimeOffset until)
    {
        if (entry.ExpiresAt < until)
            entry.ExpiresAt = until;
    }

    /// <summary>
    /// Names lead through one that is not there. If it comes to be a name itself it is kept as long as they are.
    /// </summary>
    private void Hold(SessionKey name, DateTimeOffset now, ClaimTerms terms)
    {
        if (!terms.HasLifetimes)
            return;
        if (_held.Count >= capacity)
        {
            foreach (var (held, until) in _held)
            {
                if (until <= now)
                    _held.Remove(held);
            }
        }

        _held[name] = now + terms.SessionTtl;
    }

    public ValueTask ApplyAsync(ClaimTerms terms, IReadOnlyList<StoreWrite> writes)
    {
        lock (_lock)
        {
            foreach (var write in writes)
                Apply(terms, write);
        }

        return ValueTask.CompletedTask;
    }

    private void Apply(ClaimTerms terms, StoreWrite write)
    {
        var now = time.GetUtcNow();
        switch (write.Kind)
        {
            case StoreWriteKind.Link:
                // Under the new name the session would go to the newest version, so it must under the others, too.
                if (!TryLink(terms, write.Key, Root(write.Target, now), write.Lifetime))
                    End(terms, Root(write.Target, now), now);
                break;
            case StoreWriteKind.Record:
                var made = Get(write.Key, now);
                if (made?.AliasOf is not null || made is null && IsFull(now))
                    break;
                made ??= new SessionRecordState { Bucket = write.Bucket, Generation = terms.Generation };
                Raise(made, terms, write.Ordinal);
                Put(write.Key, made, now, terms);
                break;
            case StoreWriteKind.Refresh:
                Refresh(terms, write, now);
                break;
            case StoreWriteKind.End:
                End(terms, Root(write.Key, now), now);
                break;
            case StoreWriteKind.ReleaseGroup:
                // It has no groups.
                break;
            case >= StoreWriteKind.Place:
                ApplyPlace(terms, write, Root(write.Key, now), now);
                break;
            default:
                Release(Root(write.Key, now), write.Lease, now);
                break;
        }
    }

    private void Refresh(ClaimTerms terms, StoreWrite write, DateTimeOffset now)
    {
        var key = write.Key;
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            if (Get(key, now) is not { } entry)
            {
                if (hops > 0)
                    Hold(key, now, terms);
                return;
            }

            if (entry.AliasOf is { } next)
            {
                Extend(entry, now + (write.Lifetime ?? terms.SessionTtl));
                key = next;
                continue;
            }

            (entry.SeenAt, entry.ExpiresAt) = (now, now + terms.SessionTtl);
            if (write.Ordinal > 0 && !terms.StampsAreLate)
                Raise(entry, terms, write.Ordinal);
            return;
        }
    }

    private void End(ClaimTerms terms, SessionKey root, DateTimeOffset now)
    {
        if (Get(root, now) is not { AliasOf: null } record)
            return;
        record.Ended = true;
        if (!record.Leases.Exists(l => terms.IsLive(l.Replica)))
            _entries.Remove(root);
    }

    private void Release(SessionKey root, LeaseId lease, DateTimeOffset now)
    {
        if (Get(root, now) is not { AliasOf: null } record)
            return;
        record.Leases.Remove(lease);
        if (record.Ended && record.Leases.Count == 0)
            _entries.Remove(root);
    }

    /// <summary>Where a name leads; in a circle of names it stays a name.</summary>
    private SessionKey Root(SessionKey key, DateTimeOffset now)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            if (Get(key, now)?.AliasOf is not { } next)
                break;
            key = next;
        }

        return key;
    }

    public ValueTask<SessionRecord?> FindAsync(SessionKey name)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var root = Root(name, now);
            return new(Get(root, now) is { AliasOf: null } r
                ? new SessionRecord(root, r.Pin, r.Bucket, r.Leases.Count, now - r.SeenAt)
                : null);
        }
    }

    public ValueTask<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            return new(_entries.Values.Where(e => e.AliasOf is null && !IsExpired(e, now))
                .GroupBy(e => e.Pin).ToDictionary(g => g.Key, g => g.LongCount()));
        }
    }

    private SessionRecordState? Get(SessionKey key, DateTimeOffset now) =>
        _entries.TryGetValue(key, out var entry) && !IsExpired(entry, now) ? entry : null;

    private void Put(SessionKey key, SessionRecordState entry, DateTimeOffset now, ClaimTerms terms)
    {
        (entry.SeenAt, entry.ExpiresAt) = (now, now + terms.SessionTtl);
        _entries[key] = entry;
    }

    // A lease outlives the entry's time: it ends with its request only.
    private static bool IsExpired(SessionRecordState entry, DateTimeOffset now) =>
        entry.ExpiresAt <= now && entry.Leases.Count == 0;

    private bool IsFull(DateTimeOffset now, bool report = true)
    {
        if (_entries.Count < capacity)
            return false;
        if (now >= _nextSweep)
        {
            _nextSweep = now + TimeSpan.FromSeconds(10);
            foreach (var (key, entry) in _entries)
            {
                if (IsExpired(entry, now))
                    _entries.Remove(key);
            }
        }

        if (_entries.Count < capacity)
            return false;
        if (report)
            metrics.StoreFull();
        return true;
    }
}
