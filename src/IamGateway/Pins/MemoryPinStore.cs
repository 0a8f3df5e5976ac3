using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// The embedded store: one process, one replica. Bounded: at <paramref name="capacity"/> it makes no new record for a session it
/// does not know; such a session goes to the newest version.
/// </summary>
internal sealed class MemoryPinStore(TimeProvider time, int capacity) : IPinStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<SessionKey, SessionRecordState> _entries = [];
    private DateTimeOffset _nextSweep;

    /// <summary>Records that were not made because the store was full.</summary>
    public long Refused { get; private set; }

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
        if (known && pin == terms.Final)
        {
            record!.Generation = terms.Generation;
            return new ClaimReply(ClaimOutcome.Final, pin, record.Bucket);
        }

        if (!terms.GenerationAcknowledged)
            return new ClaimReply(ClaimOutcome.StaleGeneration);
        if (!proven)
        {
            if (terms.UnknownWaits)
                return new ClaimReply(ClaimOutcome.StaleView);
            if (terms.UnknownEnds)
                return new ClaimReply(ClaimOutcome.Ended);
            if (!known && IsFull(now))
                return new ClaimReply(ClaimOutcome.Full, terms.Newest);
            record ??= new SessionRecordState { Bucket = request.Draw };
            record.Pin = Math.Max(pin, terms.Newest);
            record.Generation = terms.Generation;
            record.Leases.Clear();
            record.WaitingSince = null;
            Put(request.Key, record, now, terms);
            if (record.Pin == terms.Final)
                return new ClaimReply(ClaimOutcome.Unknown, record.Pin, record.Bucket);
        }

        return Move(terms, request, record!, now);
    }

    private ClaimReply Move(ClaimTerms terms, ClaimRequest request, SessionRecordState record, DateTimeOffset now)
    {
        record.Leases.RemoveAll(l => !terms.IsLive(l.Replica));
        Put(request.Key, record, now, terms);
        if (request.MayRaise && terms.RaiseTo > record.Pin && (request.Must || record.Bucket < terms.Cut))
        {
            var waited = now - (record.WaitingSince ?? now);
            if (request.Must || !request.Hold || waited >= terms.MaxHold)
            {
                if (!record.Leases.Exists(l => l != request.Lease))
                {
                    record.Leases.Clear();
                    record.Pin = terms.RaiseTo;
                    record.WaitingSince = null;
                    return new ClaimReply(ClaimOutcome.Raised, record.Pin, record.Bucket);
                }

                if (request.Must)
                    return new ClaimReply(ClaimOutcome.Wait, record.Pin, record.Bucket);
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

        if (!record.Leases.Contains(request.Lease))
            record.Leases.Add(request.Lease);
        return new ClaimReply(ClaimOutcome.Leased, record.Pin, record.Bucket);
    }

    public ValueTask<ClaimReply> LeaseAsync(ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var record = Get(key, now);
            if (record?.AliasOf is { } target)
                return new(new ClaimReply(ClaimOutcome.Alias, Target: target));
            if (record is null && lease is null && IsFull(now))
                return new(new ClaimReply(ClaimOutcome.Full, ordinal));
            record ??= new SessionRecordState { Bucket = bucket };
            if (record.Generation != terms.Generation)
                record.Leases.Clear();
            record.Generation = terms.Generation;
            record.Pin = Math.Max(record.Pin, ordinal);
            if (lease is { } id && !record.Leases.Contains(id))
                record.Leases.Add(id);
            Put(key, record, now, terms);
            return new(new ClaimReply(ClaimOutcome.Leased, record.Pin, record.Bucket));
        }
    }

    public ValueTask<bool> LinkAsync(ClaimTerms terms, SessionKey name, SessionKey root)
    {
        lock (_lock)
        {
            Link(terms, name, root);
            return new(true);
        }
    }

    private void Link(ClaimTerms terms, SessionKey name, SessionKey root)
    {
        var now = time.GetUtcNow();
        if (Get(name, now) is { } existing)
            Put(name, existing, now, terms);
        else
            Put(name, new SessionRecordState { AliasOf = root }, now, terms);
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
                Link(terms, write.Key, write.Target);
                return;
            case StoreWriteKind.Record:
                var made = Get(write.Key, now);
                if (made is null && IsFull(now))
                    return;
                made ??= new SessionRecordState { Bucket = write.Bucket };
                made.Pin = Math.Max(made.Pin, write.Ordinal);
                made.Generation = terms.Generation;
                Put(write.Key, made, now, terms);
                return;
        }

        if (Resolve(write.Key, now, terms, write.Kind == StoreWriteKind.Refresh) is not { } record)
            return;
        switch (write.Kind)
        {
            case StoreWriteKind.Refresh:
                record.ExpiresAt = now + terms.SessionTtl;
                if (write.Ordinal > 0)
                {
                    record.Pin = Math.Max(record.Pin, write.Ordinal);
                    record.Generation = terms.Generation;
                }

                return;
            case StoreWriteKind.End:
                record.Ended = true;
                break;
            default:
                record.Leases.Remove(write.Lease);
                break;
        }

        if (record.Ended && !record.Leases.Exists(l => terms.IsLive(l.Replica)))
            _entries.Remove(Root(write.Key));
    }

    private SessionKey Root(SessionKey key)
    {
        while (_entries.TryGetValue(key, out var entry) && entry.AliasOf is { } next)
            key = next;
        return key;
    }

    private SessionRecordState? Resolve(SessionKey key, DateTimeOffset now, ClaimTerms terms, bool extend)
    {
        var entry = Get(key, now);
        while (entry?.AliasOf is { } next)
        {
            if (extend)
                entry.ExpiresAt = now + terms.SessionTtl;
            entry = Get(next, now);
        }

        return entry;
    }

    public ValueTask<SessionRecord?> FindAsync(SessionKey name)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var root = Root(name);
            return new(Get(root, now) is { } r
                ? new SessionRecord(root, r.Pin, r.Bucket, r.Leases.Count, now - (r.ExpiresAt - _ttl))
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

    private TimeSpan _ttl;

    private SessionRecordState? Get(SessionKey key, DateTimeOffset now) =>
        _entries.TryGetValue(key, out var entry) && !IsExpired(entry, now) ? entry : null;

    private void Put(SessionKey key, SessionRecordState entry, DateTimeOffset now, ClaimTerms terms)
    {
        _ttl = terms.SessionTtl;
        entry.ExpiresAt = now + terms.SessionTtl;
        _entries[key] = entry;
    }

    // A lease outlives the entry's time: it ends with its request only.
    private static bool IsExpired(SessionRecordState entry, DateTimeOffset now) =>
        entry.ExpiresAt <= now && entry.Leases.Count == 0;

    private bool IsFull(DateTimeOffset now)
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
        Refused++;
        return true;
    }
}
