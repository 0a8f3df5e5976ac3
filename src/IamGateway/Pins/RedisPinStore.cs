using System.Diagnostics;
using System.Globalization;
using IamGateway.Recording;
using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>Sessions in Redis (standalone, Sentinel or Cluster): one key an entry, one script a call.</summary>
internal sealed partial class RedisPinStore : IPinStore
{
    private readonly RedisConnection _redis;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly byte[] _prefix;
    private readonly RedisKey[]? _marker;
    private ArgumentCache? _arguments;

    public RedisPinStore(RedisConnection redis, GatewayMetrics metrics, TimeProvider time)
    {
        _redis = redis;
        _metrics = metrics;
        _time = time;
        _prefix = System.Text.Encoding.UTF8.GetBytes(redis.KeyPrefix + ":");
        _marker = redis.IsCluster ? null : [redis.GenerationKey];
    }

    public bool IsAnswering => _redis.IsAnswering;

    public async ValueTask<ClaimReply> LeaseAsync(
        ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket)
    {
        var shared = Arguments(terms);
        RedisValue[] values =
            [shared.Generation, shared.RunIds, shared.Ttl, shared.Code, lease?.ToString() ?? "", ordinal, bucket, Now];
        return Read(((RedisResult[])(await RunAsync("lease", LeaseScript, Keys(key), values))!)[0]);
    }

    public async ValueTask<SessionRecord?> FindAsync(SessionKey name)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            var value = await _redis.RunAsync("find", db => db.StringGetWithExpiryAsync(Key(name)));
            if (value.Value.IsNull)
                return null;
            var bytes = (byte[])value.Value!;
            if (bytes[0] == (byte)'A')
            {
                name = SessionKey.Read(bytes.AsSpan(1));
                continue;
            }

            var kept = bytes[0] is (byte)'N' or (byte)'2' ? _arguments?.Terms.UnknownTtl : _arguments?.Terms.SessionTtl;
            var record = Parse(
                name, System.Text.Encoding.ASCII.GetString(bytes),
                (kept ?? TimeSpan.Zero) - (value.Expiry ?? TimeSpan.Zero));
            return record with { Leases = record.Leases + await GroupLeasesAsync(record) };
        }

        return null;
    }

    private static SessionRecord Parse(SessionKey root, string text, TimeSpan age)
    {
        if (char.IsAsciiDigit(text[0]))
            return new SessionRecord(root, Number(text, 1, 3), Number(text, 4, 4), 0, Max(age, TimeSpan.Zero));
        var fields = text[1..].Split(':', 5);
        return new SessionRecord(
            root,
            int.Parse(fields[0], CultureInfo.InvariantCulture),
            int.Parse(fields[1], CultureInfo.InvariantCulture),
            fields[4].Length == 0 ? 0 : fields[4].Count(c => c == ',') + 1,
            Max(age, TimeSpan.Zero));
    }

    private static int Number(string text, int at, int length) =>
        int.Parse(text.AsSpan(at, length), CultureInfo.InvariantCulture);

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private async Task<RedisResult> RunAsync(string operation, RedisScript script, RedisKey[] keys, RedisValue[] values)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            return await _redis.RunAsync(
                operation, (script, keys, values),
                static (db, s) => s.script.EvaluateAsync(db, s.keys, s.values));
        }
        finally
        {
            _metrics.StoreCall(operation, Stopwatch.GetElapsedTime(started));
        }
    }

    private static ClaimReply Read(RedisResult result)
    {
        var fields = (RedisResult[])result!;
        var outcome = (ClaimOutcome)(int)fields[0];
        return fields.Length switch
        {
            2 when outcome == 0 => throw new RedisServerException(
                RedisErrorKind.Unknown, CommandFlags.None, (string)fields[1]!),
            1 => new ClaimReply(outcome),
            2 => new ClaimReply(outcome, Target: SessionKey.Read((byte[])fields[1]!)),
            _ => new ClaimReply(
                outcome, (int)fields[1], (int)fields[2], IsAwaited: fields.Length > 3 && (int)fields[3] == 1),
        };
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private RedisKey[] Keys(params ReadOnlySpan<SessionKey> all) => Keys(all, ofGroups: false);

    // The marker is the second one, if there is one.
    private RedisKey[] Keys(ReadOnlySpan<SessionKey> all, bool ofGroups)
    {
        var marker = _marker?.Length ?? 0;
        var keys = new RedisKey[all.Length + marker];
        _marker?.CopyTo(keys, 1);
        for (var i = 0; i < all.Length; i++)
            keys[i == 0 ? 0 : i + marker] = ofGroups ? GroupKey(all[i]) : Key(all[i]);
        return keys;
    }

    private RedisKey Key(SessionKey key)
    {
        var bytes = new byte[_prefix.Length + SessionKey.Size];
        _prefix.CopyTo(bytes, 0);
        key.Write(bytes.AsSpan(_prefix.Length));
        return bytes;
    }

    private static byte[] Bytes(SessionKey key)
    {
        var bytes = new byte[SessionKey.Size];
        key.Write(bytes);
        return bytes;
    }

    private ArgumentCache Arguments(ClaimTerms terms)
    {
        if (_arguments is { } cached && ReferenceEquals(cached.Terms, terms))
            return cached;
        return _arguments = new ArgumentCache(terms);
    }

    /// <summary>The arguments that every call of one routing state shares, converted once.</summary>
    private sealed class ArgumentCache(ClaimTerms terms)
    {
        public ClaimTerms Terms { get; } = terms;

        public RedisValue Generation { get; } = terms.Generation;

        // The tag (32 bits, hexadecimal) in the digits that a record without leases has for it.
        public RedisValue Code { get; } = Convert.ToUInt32(terms.Generation, 16)
            .ToString("D11", CultureInfo.InvariantCulture);

        public RedisValue RunIds { get; } = terms.RunIds;

        public RedisValue Ttl { get; } = (long)terms.SessionTtl.TotalMilliseconds;

        public RedisValue UnknownTtl { get; } = (long)terms.UnknownTtl.TotalMilliseconds;

        public RedisValue MaxDeferral { get; } = (long)terms.MaxDeferral.TotalMilliseconds;

        public RedisValue MaxWait { get; } = (long)terms.MaxWait.TotalMilliseconds;

        public RedisValue MaxHold { get; } = (long)terms.MaxHold.TotalMilliseconds;

        public RedisValue Replicas { get; } = List(terms.Replicas);

        public RedisValue NextReplica { get; } = terms.NextReplica;

        public RedisValue Revoked { get; } = List(terms.Revoked);

        private static string List<T>(IEnumerable<T> items) => $",{string.Join(',', items)},";
    }
}
