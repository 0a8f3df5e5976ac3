using System.Globalization;
using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// Groups of sessions. Who moves a session looks at its group in the same script, which on a Cluster lies in another
/// slot: there are none then.
/// </summary>
internal sealed partial class RedisPinStore
{
    public bool HasGroups => !_redis.IsCluster;

    public async ValueTask<bool[]> HoldGroupsAsync(ClaimTerms terms, IReadOnlyList<HeldGroup> groups)
    {
        var shared = Arguments(terms);
        RedisValue[] values =
        [
            shared.Generation, shared.RunIds, shared.Ttl, shared.Code, Now, shared.MaxWait, shared.Replicas,
            terms.NextReplica,
            .. groups.SelectMany(g => (RedisValue[])[g.Lease.ToString(), g.IsNew]),
        ];
        var replies = (RedisResult[])(await RunAsync(
            "renew", HoldGroupScript, Keys([.. groups.Select(g => g.Group)], ofGroups: true), values))!;
        return Array.ConvertAll(replies, r => (int)r == 1);
    }

    private async Task ReleaseGroupsAsync(ArgumentCache shared, StoreWrite[] writes) =>
        await WriteAsync("release", ReleaseGroupScript, shared, writes, w => [w.Lease.ToString()], ofGroups: true);

    /// <summary>How many leases of its group cover a session.</summary>
    private async ValueTask<int> GroupLeasesAsync(SessionRecord record)
    {
        if (!HasGroups)
            return 0;
        var value = await _redis.RunAsync("find", db => db.StringGetAsync(GroupKey(record.Root)));
        return ((string?)value)?.Split(':', 3) is [_, _, var leases]
            ? leases.Split(',').Count(lease => Covers(lease, record))
            : 0;
    }

    private static bool Covers(string lease, SessionRecord record) => lease.Split('.') switch
    {
        [_, _, var cut] => int.TryParse(cut, CultureInfo.InvariantCulture, out var from) && from <= record.Bucket,
        [_, _] => true,
        _ => false,
    };

    private RedisKey GroupKey(SessionKey key) =>
        (byte[])[.. _prefix, .. "g"u8, (byte)(key.Group >> 2), (byte)(key.Group & 3)];
}
