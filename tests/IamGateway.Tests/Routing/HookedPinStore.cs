using System.Collections.Concurrent;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Sessions;

namespace IamGateway.Tests.Routing;

/// <summary>The embedded store, with a test's own doings around its leases.</summary>
internal sealed class HookedPinStore : IPinStore
{
    private readonly MemoryPinStore _store = new(TimeProvider.System, 1000, new GatewayMetrics());

    public Func<SessionKey, Task>? BeforeLease { get; set; }

    public Func<SessionKey, Task>? AfterLease { get; set; }

    public Func<SessionKey, Task>? AfterClaim { get; set; }

    public Action<ClaimTerms>? BeforeApply { get; set; }

    /// <summary>The writes it has been given, in their order.</summary>
    public ConcurrentQueue<StoreWriteKind> Written { get; } = [];

    public bool IsAnswering => true;

    public async ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request)
    {
        var reply = await _store.ClaimAsync(terms, request);
        await (AfterClaim?.Invoke(request.Key) ?? Task.CompletedTask);
        return reply;
    }

    public async ValueTask<ClaimReply> LeaseAsync(
        ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket)
    {
        await (BeforeLease?.Invoke(key) ?? Task.CompletedTask);
        var reply = await _store.LeaseAsync(terms, key, lease, ordinal, bucket);
        await (AfterLease?.Invoke(key) ?? Task.CompletedTask);
        return reply;
    }

    public ValueTask<bool[]> AreHeldAsync(ClaimTerms terms, IReadOnlyList<HeldLease> leases) =>
        _store.AreHeldAsync(terms, leases);

    public ValueTask<bool> LinkAsync(
        ClaimTerms terms, SessionKey name, SessionKey root, TimeSpan? lifetime = null) =>
        _store.LinkAsync(terms, name, root, lifetime);

    public ValueTask ApplyAsync(ClaimTerms terms, IReadOnlyList<StoreWrite> writes)
    {
        BeforeApply?.Invoke(terms);
        foreach (var write in writes)
            Written.Enqueue(write.Kind);
        return _store.ApplyAsync(terms, writes);
    }

    public ValueTask<string?> PlaceOfAsync(SessionKey name) => _store.PlaceOfAsync(name);

    public ValueTask<string?> ReplaceAsync(ClaimTerms terms, SessionKey name, string instance, string instead) =>
        _store.ReplaceAsync(terms, name, instance, instead);

    public ValueTask PlaceAsync(ClaimTerms terms, SessionKey name, string instance) =>
        _store.PlaceAsync(terms, name, instance);

    public ValueTask<IReadOnlyDictionary<string, long>> CountPlacesAsync(CancellationToken cancellation) =>
        _store.CountPlacesAsync(cancellation);

    public ValueTask<SessionRecord?> FindAsync(SessionKey name) => _store.FindAsync(name);

    public ValueTask<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation) =>
        _store.CountAsync(cancellation);

    public async Task<int> LeasesAsync(SessionKey name) => (await FindAsync(name))?.Leases ?? 0;
}
