using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Tests.Pins;

/// <summary>Notes the writes it takes; refuses the first few calls, and holds calls back, as the test says.</summary>
internal sealed class FakePinStore : IPinStore
{
    private readonly Lock _lock = new();
    private readonly List<StoreWrite> _writes = [];

    public int Failures { get; set; }

    public int Calls { get; private set; }

    public int LargestBatch { get; private set; }

    public Task Gate { get; set; } = Task.CompletedTask;

    public StoreWrite[] Writes
    {
        get
        {
            lock (_lock)
                return [.. _writes];
        }
    }

    public async ValueTask ApplyAsync(ClaimTerms terms, IReadOnlyList<StoreWrite> writes)
    {
        await Gate;
        lock (_lock)
        {
            Calls++;
            LargestBatch = Math.Max(LargestBatch, writes.Count);
            if (Failures-- > 0)
                throw new StoreUnavailableException("The test says so.");
            _writes.AddRange(writes);
        }
    }

    public bool IsAnswering { get; set; } = true;

    public ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request) =>
        throw new NotSupportedException();

    public ValueTask<ClaimReply> LeaseAsync(
        ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket) =>
        throw new NotSupportedException();

    /// <summary>Asked about leases it does as this says; null: it is away.</summary>
    public Func<HeldLease, bool>? Holds { get; set; } = _ => true;

    public ValueTask<bool[]> AreHeldAsync(ClaimTerms terms, IReadOnlyList<HeldLease> leases) => Holds is null
        ? throw new StoreUnavailableException("The test says so.")
        : new([.. leases.Select(Holds)]);

    public bool HasGroups { get; set; }

    /// <summary>Asked for groups it does as this says; null: it is away.</summary>
    public Func<HeldGroup, bool>? HoldsGroup { get; set; } = _ => true;

    public ValueTask<bool[]> HoldGroupsAsync(ClaimTerms terms, IReadOnlyList<HeldGroup> groups) => HoldsGroup is null
        ? throw new StoreUnavailableException("The test says so.")
        : new([.. groups.Select(HoldsGroup)]);

    public ValueTask<bool> LinkAsync(
        ClaimTerms terms, SessionKey name, SessionKey root, TimeSpan? lifetime = null) =>
        throw new NotSupportedException();

    public ValueTask<string?> PlaceOfAsync(SessionKey name) => throw new NotSupportedException();

    public ValueTask<string?> ReplaceAsync(ClaimTerms terms, SessionKey name, string instance, string instead) =>
        throw new NotSupportedException();

    public ValueTask PlaceAsync(ClaimTerms terms, SessionKey name, string instance) =>
        throw new NotSupportedException();

    public ValueTask<IReadOnlyDictionary<string, long>> CountPlacesAsync(CancellationToken cancellation) =>
        throw new NotSupportedException();

    public ValueTask<SessionRecord?> FindAsync(SessionKey name) => throw new NotSupportedException();

    public ValueTask<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation) =>
        throw new NotSupportedException();
}
