using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// On which instances sessions live: a key of its own, a "p" behind the name that names of the session lead to; its
/// value is the instance. It proves nothing about versions, so records know nothing of it, and nothing of it is asked
/// for where sessions are not bound to instances.
/// </summary>
internal sealed partial class RedisPinStore
{
    // ARGV: 1 instance, 2 ttl, 3 the one that it stands in for. Returns the one that is there then.
    private static readonly RedisScript ReplaceScript = new("""
        local v = redis.call('GET', KEYS[1])
        if v ~= ARGV[3] then return v end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return ARGV[1]
        """);

    public async ValueTask<string?> PlaceOfAsync(SessionKey name)
    {
        var key = await PlaceKeyAsync(name);
        return await _redis.RunAsync("place", db => db.StringGetAsync(key));
    }

    public async ValueTask<string?> ReplaceAsync(ClaimTerms terms, SessionKey name, string instance, string instead)
    {
        var result = await RunAsync(
            "place", ReplaceScript, [await PlaceKeyAsync(name)], [instance, Arguments(terms).Ttl, instead]);
        return (string?)result;
    }

    public async ValueTask PlaceAsync(ClaimTerms terms, SessionKey name, string instance)
    {
        var key = await PlaceKeyAsync(name);
        await _redis.RunAsync("place", db => db.StringSetAsync(key, instance, terms.SessionTtl));
    }

    private async Task ApplyPlaceAsync(ArgumentCache shared, StoreWrite write)
    {
        var key = await PlaceKeyAsync(write.Key);
        var ttl = shared.Terms.SessionTtl;
        await (write.Kind switch
        {
            StoreWriteKind.PlaceEnd => _redis.RunAsync("place", db => db.KeyDeleteAsync(key)),
            StoreWriteKind.PlaceRefresh => _redis.RunAsync("place", db => db.KeyExpireAsync(key, ttl)),
            _ => _redis.RunAsync("place", db => db.StringSetAsync(
                key, write.Instance, ttl, write.Kind == StoreWriteKind.PlaceAgain ? When.NotExists : When.Always)),
        });
    }

    private async Task<RedisKey> PlaceKeyAsync(SessionKey name) => Key((await ResolveAsync(name)).End).Append("p");

    public async ValueTask<IReadOnlyDictionary<string, long>> CountPlacesAsync(CancellationToken cancellation)
    {
        var counts = new Dictionary<string, long>();
        await ReadAllAsync("p", ScanPage, keys => CountPlacesAsync(keys, counts), cancellation);
        return counts;
    }

    private async Task CountPlacesAsync(RedisKey[] keys, Dictionary<string, long> counts)
    {
        // One GET a key and not MGET: on a Cluster the keys of a page lie in many slots.
        foreach (var read in keys.Select(k => _redis.Database.StringGetAsync(k)).ToArray())
        {
            if ((string?)await read is { } instance)
                counts[instance] = counts.GetValueOrDefault(instance) + 1;
        }
    }
}
