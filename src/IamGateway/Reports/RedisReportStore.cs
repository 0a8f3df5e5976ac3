using System.Text.Json;
using IamGateway.Pins;
using IamGateway.Routing;
using StackExchange.Redis;

namespace IamGateway.Reports;

/// <summary>One hash: the field is the registration, the value the report as JSON.</summary>
internal sealed class RedisReportStore(RedisConnection redis) : IReportStore
{
    public async ValueTask WriteAsync(ReplicaReport report) => await redis.RunAsync(
        "report", (Key: redis.ReportsKey, report),
        static (db, s) => db.HashSetAsync(
            s.Key, s.report.Replica, JsonSerializer.Serialize(s.report, RoutingJson.Options)));

    public async ValueTask<IReadOnlyList<ReplicaReport>> ReadAsync()
    {
        var entries = await redis.RunAsync("report", redis.ReportsKey, static (db, key) => db.HashGetAllAsync(key));
        return [.. entries.Select(Read).OfType<ReplicaReport>().OrderBy(r => r.Replica)];
    }

    // A replica of another release may write what this one cannot read; its figures are missing then, nothing else.
    private static ReplicaReport? Read(HashEntry entry)
    {
        try
        {
            return JsonSerializer.Deserialize<ReplicaReport>((string)entry.Value!, RoutingJson.Options) is
            { Instances: not null, Versions: not null } report && entry.Name == report.Replica
                ? report
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public async ValueTask RemoveAsync(IReadOnlyCollection<long> replicas)
    {
        RedisValue[] fields = [.. replicas.Select(r => (RedisValue)r)];
        if (fields.Length > 0)
            await redis.RunAsync("report", db => db.HashDeleteAsync(redis.ReportsKey, fields));
    }
}
