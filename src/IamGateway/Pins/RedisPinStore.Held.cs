using System.Globalization;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>Which leases the store still holds: read many at a time and looked at here.</summary>
internal sealed partial class RedisPinStore
{
    // One call, but on a Cluster, where the keys lie in different slots, one each.
    public async ValueTask<bool[]> AreHeldAsync(ClaimTerms terms, IReadOnlyList<HeldLease> leases)
    {
        var calls = leases.Chunk(_redis.IsCluster ? 1 : leases.Count).Select(l => AreHeldAsync(Arguments(terms), l));
        return [.. (await Task.WhenAll(calls)).SelectMany(h => h)];
    }

    private async Task<bool[]> AreHeldAsync(ArgumentCache shared, HeldLease[] leases)
    {
        var keys = Keys(Array.ConvertAll(leases, l => l.Root));
        var entries = (RedisResult[])(await RunAsync(
            "renew", EntriesScript, keys, [shared.Generation, shared.RunIds]))!;
        var held = new bool[leases.Length];
        if (entries.Length == 0)
            return held;
        for (var i = 0; i < leases.Length; i++)
            held[i] = IsHeld((string?)entries[i == 0 ? 0 : i + keys.Length - leases.Length], leases[i], shared.Code);
        return held;
    }

    // A record at the lease's version, in this generation, with the lease, and nobody waits.
    private static bool IsHeld(string? entry, HeldLease lease, string? generation) =>
        entry is ['R' or 'N', .. var record] && record.Split(':') is [var pin, _, var of, "", var leases]
        && of == generation && int.Parse(pin, CultureInfo.InvariantCulture) == lease.Ordinal
        && leases.Split(',').Contains(lease.Id.ToString());
}
