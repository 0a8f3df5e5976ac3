using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>Leases without a decision.</summary>
internal sealed partial class MemoryPinStore
{
    public ValueTask<ClaimReply> LeaseAsync(ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var record = Get(key, now);
            if (record?.AliasOf is { } target)
                return new(new ClaimReply(ClaimOutcome.Alias, Target: target));
            var isFull = record is null && IsFull(now);
            if (isFull && lease is null)
                return new(new ClaimReply(ClaimOutcome.Full, ordinal));
            record ??= new SessionRecordState { Bucket = bucket, Generation = terms.Generation, Ended = isFull };
            Raise(record, terms, ordinal);
            if (lease is { } id && !record.Leases.Contains(id))
                record.Leases.Add(id);
            Put(key, record, now, terms);
            return new(new ClaimReply(ClaimOutcome.Leased, record.Pin, record.Bucket));
        }
    }

    private static void Raise(SessionRecordState record, ClaimTerms terms, int ordinal)
    {
        if (record.Generation != terms.Generation)
        {
            record.Generation = terms.Generation;
            record.Leases.Clear();
            record.WaitingSince = null;
        }

        record.Pin = Math.Max(record.Pin, ordinal);
    }

    public ValueTask<bool[]> AreHeldAsync(ClaimTerms terms, IReadOnlyList<HeldLease> leases)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            return new([.. leases.Select(l => IsHeld(l, terms, Get(l.Root, now)))]);
        }
    }

    private static bool IsHeld(HeldLease lease, ClaimTerms terms, SessionRecordState? record) =>
        record is { Ended: false, WaitingSince: null } && record.Generation == terms.Generation
        && record.Pin == lease.Ordinal && record.Leases.Contains(lease.Id);
}
