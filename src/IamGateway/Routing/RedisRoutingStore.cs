using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using IamGateway.Pins;
using StackExchange.Redis;

namespace IamGateway.Routing;

/// <summary>
/// The routing state in Redis: a hash (generation, sequence, document), a generation marker and a stream of events.
/// </summary>
internal sealed class RedisRoutingStore(RedisConnection redis) : IRoutingStore
{
    private const int MaxEvents = 10_000;

    // ARGV: 1 known generation, 2 known sequence.
    private static readonly RedisScript ReadScript = new("""
        local own = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
        local state = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
        if not state[1] then return {own} end
        if state[1] == ARGV[1] and state[2] == ARGV[2] then return {own, state[1]} end
        return {own, state[1], redis.call('HGET', KEYS[1], 'document')}
        """);

    // ARGV: 1 expected generation or empty, 2 expected sequence, 3 run ids, 4 sequence, 5 document, 6 generation, 7
    // channel, 8 max events, then events.
    private static readonly RedisScript WriteScript = new("""
        local own = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
        if not string.find(ARGV[3], own, 1, true) then return 0 end
        local state = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
        if (state[1] or '') ~= ARGV[1] then return 0 end
        if state[1] and state[2] ~= ARGV[2] then return 0 end
        redis.call('HSET', KEYS[1], 'generation', ARGV[6], 'sequence', ARGV[4], 'document', ARGV[5])
        redis.call('SET', KEYS[2], ARGV[6])
        for i = 9, #ARGV do redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'e', ARGV[i]) end
        redis.call('PUBLISH', ARGV[7], ARGV[4])
        return 1
        """);

    public async ValueTask<StoredRouting> ReadAsync(RoutingState? known)
    {
        RedisValue[] values = [known?.Generation.Tag ?? "", known?.Sequence ?? 0];
        var result = await redis.RunAsync(
            "state", (Key: redis.StateKey, values),
            static (db, s) => ReadScript.EvaluateAsync(db, [s.Key], s.values), probe: true);
        var fields = (RedisResult[])result!;
        ImmutableArray<string> runIds = [(string)fields[0]!];
        if (redis.IsCluster)
            runIds = [.. (await redis.RunIdsAsync()).Union(runIds).Order()];
        return fields.Length switch
        {
            1 => new StoredRouting(null, runIds),
            2 => new StoredRouting(known, runIds),
            _ => new StoredRouting(
                JsonSerializer.Deserialize<RoutingState>((string)fields[2]!, RoutingJson.Options), runIds),
        };
    }

    public async ValueTask<bool> TryWriteAsync(
        RoutingState? expected, RoutingState next, IReadOnlyList<AuditEvent> events)
    {
        RedisValue[] values =
        [
            expected?.Generation.Tag ?? "", expected?.Sequence ?? 0,
            string.Join(' ', next.Generation.RunIds), next.Sequence,
            JsonSerializer.Serialize(next, RoutingJson.Options), next.Generation.Tag,
            redis.Channel.ToString(), MaxEvents,
            .. events.Select(e => (RedisValue)JsonSerializer.Serialize(e, RoutingJson.Options)),
        ];
        var result = await redis.RunAsync(
            "state", (Keys: new[] { redis.StateKey, redis.GenerationKey, redis.EventsKey }, values),
            static (db, s) => WriteScript.EvaluateAsync(db, s.Keys, s.values), probe: true);
        return (int)result == 1;
    }

    public async ValueTask<IReadOnlyList<AuditEvent>> ReadEventsAsync(string? after, int limit)
    {
        var entries = await redis.RunAsync("events", async db => string.IsNullOrEmpty(after)
            ? [.. (await db.StreamRangeAsync(redis.EventsKey, count: limit, messageOrder: Order.Descending)).Reverse()]
            : await db.StreamRangeAsync(redis.EventsKey, minId: "(" + (IsId(after) ? after : "0"), count: limit));
        return
        [
            .. entries.Select(e => JsonSerializer.Deserialize<AuditEvent>((string)e["e"]!, RoutingJson.Options)!
                with { Id = e.Id.ToString() }),
        ];
    }

    // An id comes from a client; to the server a wrong one is an error, and errors count against the connection.
    private static bool IsId(string text)
    {
        var parts = text.Split('-', 3);
        return parts.Length <= 2
            && Array.TrueForAll(parts, p => ulong.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _));
    }

    public async ValueTask SubscribeAsync(Action changed) =>
        await redis.SubscribeAsync(changed);
}
