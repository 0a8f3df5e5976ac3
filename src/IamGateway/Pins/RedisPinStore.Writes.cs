using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// Writes that no request waits for, sent one behind the other on one connection and so carried out in order. Those of
/// a kind that follow each other cost one call, but on a Cluster, where their keys lie in different slots, one each.
/// </summary>
internal sealed partial class RedisPinStore
{
    public async ValueTask ApplyAsync(ClaimTerms terms, IReadOnlyList<StoreWrite> writes)
    {
        var shared = Arguments(terms);
        StoreWrite[] prepared = [.. writes];
        await Task.WhenAll(Enumerable.Range(0, prepared.Length).Where(i => prepared[i].Kind == StoreWriteKind.Link)
            .Select(async i => prepared[i] = await PreparedAsync(shared, prepared[i])));
        // One wait for all of them.
        var tasks = new List<Task>(prepared.Length);
        for (var i = 0; i < prepared.Length;)
        {
            var end = i + 1;
            while (end < prepared.Length && GoTogether(prepared[i], prepared[end]))
                end++;
            foreach (var kind in prepared[i..end].GroupBy(w => w.Kind))
                tasks.AddRange(kind.Chunk(_redis.IsCluster ? 1 : end - i).Select(w => ApplyAsync(shared, w)));
            i = end;
        }

        await Task.WhenAll(tasks);
    }

    // Whether a session is extended or a lease on it is given back first makes no difference.
    private static bool GoTogether(StoreWrite first, StoreWrite next) => first.Kind switch
    {
        StoreWriteKind.Release or StoreWriteKind.Refresh =>
            next.Kind is StoreWriteKind.Release or StoreWriteKind.Refresh,
        StoreWriteKind.Record or StoreWriteKind.ReleaseGroup => next.Kind == first.Kind,
        _ => false,
    };

    private async Task ApplyAsync(ArgumentCache shared, StoreWrite[] writes)
    {
        switch (writes[0].Kind)
        {
            case StoreWriteKind.Record:
                await RecordAsync(shared, writes);
                break;
            case StoreWriteKind.Refresh:
                await RefreshAsync(shared, writes);
                break;
            case StoreWriteKind.Release:
                await ReleaseAsync(shared, writes);
                break;
            case StoreWriteKind.ReleaseGroup:
                await ReleaseGroupsAsync(shared, writes);
                break;
            case StoreWriteKind.Link:
                ThrowIf(!await LinkAsync("write", shared, writes[0]));
                break;
            case StoreWriteKind.End:
                await EndAsync(shared, writes[0].Key);
                break;
            default:
                await ApplyPlaceAsync(shared, writes[0]);
                break;
        }
    }

    // A name or pin that is dropped here would be lost for good; kept in the queue it is written when the generation is
    // renewed.
    private static void ThrowIf(bool stale)
    {
        if (stale)
            throw new StoreUnavailableException("The store is of another generation.");
    }

    private async Task RecordAsync(ArgumentCache shared, StoreWrite[] writes)
    {
        var replies = await WriteAsync("write", LeaseScript, shared, writes, w => ["", w.Ordinal, w.Bucket, Now]);
        ThrowIf(replies.Any(r => Read(r).Outcome == ClaimOutcome.StaleGeneration));
    }

    private async Task RefreshAsync(ArgumentCache shared, StoreWrite[] writes)
    {
        var isStale = false;
        for (var hops = 0; hops < SessionRouter.MaxAliasHops && writes.Length > 0; hops++)
        {
            var replies = await WriteAsync(
                "write", RefreshScript, shared, writes,
                w => [shared.Terms.StampsAreLate ? 0 : w.Ordinal, Ttl(shared, w)]);
            foreach (var (write, reply) in writes.Zip(replies).Where(w => w.Second.Resp2Type == ResultType.Integer))
            {
                isStale |= (int)reply == 0;
                if (hops > 0 && (int)reply != 0 && shared.Terms.HasLifetimes)
                    await HoldAsync(shared, write.Key);
            }

            writes = Pointed(writes, replies);
        }

        ThrowIf(isStale);
    }

    private async Task ReleaseAsync(ArgumentCache shared, StoreWrite[] writes)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops && writes.Length > 0; hops++)
        {
            var replies = await WriteAsync("release", ReleaseScript, shared, writes, w => [w.Lease.ToString()]);
            writes = Pointed(writes, replies);
        }
    }

    private async Task EndAsync(ArgumentCache shared, SessionKey key)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            var target = await RunAsync(
                "write", EndScript, Keys(key), [shared.Replicas, shared.NextReplica, shared.Code]);
            if (target.IsNull)
                return;
            key = SessionKey.Read((byte[])target!);
        }
    }

    /// <summary>Those whose name was found to point to another one, to be carried out there.</summary>
    private static StoreWrite[] Pointed(StoreWrite[] writes, RedisResult[] replies) =>
    [
        .. writes.Zip(replies).Where(w => !w.Second.IsNull && w.Second.Resp2Type == ResultType.BulkString)
            .Select(w => w.First with { Key = SessionKey.Read((byte[])w.Second!) }),
    ];

    private async Task<RedisResult[]> WriteAsync(
        string operation, RedisScript script, ArgumentCache shared, StoreWrite[] writes,
        Func<StoreWrite, RedisValue[]> own, bool ofGroups = false) =>
        (RedisResult[])(await RunAsync(
            operation, script, Keys(Array.ConvertAll(writes, w => w.Key), ofGroups),
            [shared.Generation, shared.RunIds, shared.Ttl, shared.Code, .. writes.SelectMany(own)]))!;
}
