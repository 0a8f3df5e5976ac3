using System.Globalization;
using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>How many sessions are where: every key is gone through, a page at a time.</summary>
internal sealed partial class RedisPinStore
{
    private const int ScanPage = 1000;

    // Claims wait for a script that is at work.
    private const int MaxCounted = 250;

    public async ValueTask<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation)
    {
        var counts = new Dictionary<int, long>();
        await ReadAllAsync("", MaxCounted, keys => CountAsync(keys, counts), cancellation);
        return counts;
    }

    /// <summary>Goes through all names, or through the keys that have a suffix behind theirs.</summary>
    private async Task ReadAllAsync(
        string suffix, int pageSize, Func<RedisKey[], Task> read, CancellationToken cancellation)
    {
        var length = _prefix.Length + SessionKey.Size + suffix.Length;
        try
        {
            foreach (var server in _redis.Primaries())
            {
                var page = new List<RedisKey>(pageSize);
                await foreach (var key in server.KeysAsync(
                    pattern: $"{_redis.KeyPrefix}:*{suffix}", pageSize: ScanPage).WithCancellation(cancellation))
                {
                    if (((byte[])key!).Length == length)
                        page.Add(key);
                    if (page.Count < pageSize)
                        continue;
                    await read([.. page]);
                    page.Clear();
                }

                if (page.Count > 0)
                    await read([.. page]);
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The connection may be exchanged for one to another primary while the keys are gone through.
            throw new StoreUnavailableException("The store went away while its sessions were counted.", e);
        }
    }

    private async Task CountAsync(RedisKey[] keys, Dictionary<int, long> counts)
    {
        // On a Cluster the keys of a page lie in many slots.
        var heads = _redis.IsCluster
            ? Array.ConvertAll(
                await Task.WhenAll(keys.Select(k => _redis.Database.StringGetRangeAsync(k, 0, 8))), h => (string?)h)
            : (string?[])(await HeadsScript.EvaluateAsync(_redis.Database, keys, []))!;
        foreach (var head in heads)
            Count(head, counts);
    }

    private static void Count(string? head, Dictionary<int, long> counts)
    {
        if (head is not ['R' or 'N' or '1' or '2', .. var rest])
            return;
        var digits = char.IsAsciiDigit(head[0]) ? 3 : Math.Max(rest.IndexOf(':'), 0);
        if (int.TryParse(rest.AsSpan(0, digits), CultureInfo.InvariantCulture, out var pin))
            counts[pin] = counts.GetValueOrDefault(pin) + 1;
    }
}
