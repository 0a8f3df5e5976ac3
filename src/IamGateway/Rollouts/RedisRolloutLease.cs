using IamGateway.Pins;
using StackExchange.Redis;

namespace IamGateway.Rollouts;

/// <summary>A key that expires, with the registration of the replica that has the lease.</summary>
internal sealed class RedisRolloutLease(RedisConnection redis) : IRolloutLease
{
    // ARGV: 1 registration, 2 milliseconds.
    private static readonly RedisScript HoldScript = new("""
        local holder = redis.call('GET', KEYS[1])
        if holder and holder ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """);

    // ARGV: 1 registration.
    private static readonly RedisScript ReleaseScript = new("""
        if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
        return 1
        """);

    public async ValueTask<bool> TryHoldAsync(long replica) => (int)await redis.RunAsync(
        "rollout", (Keys: new[] { redis.ExecutorKey }, replica),
        static (db, s) => HoldScript.EvaluateAsync(
            db, s.Keys, [s.replica, (long)IRolloutLease.Duration.TotalMilliseconds])) == 1;

    public async ValueTask ReleaseAsync(long replica) => await redis.RunAsync(
        "rollout", (Keys: new[] { redis.ExecutorKey }, replica),
        static (db, s) => ReleaseScript.EvaluateAsync(db, s.Keys, [s.replica]));
}
