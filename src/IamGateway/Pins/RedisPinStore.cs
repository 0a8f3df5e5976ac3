using System.Diagnostics;
using System.Globalization;
using IamGateway.Recording;
using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>Sessions in Redis (standalone, Sentinel or Cluster): one key an entry, one script a call.</summary>
internal sealed partial class RedisPinStore : IPinStore
{
    private const int ScanPage = 1000;
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

    public async ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request)
    {
        var shared = Arguments(terms);
        RedisValue[] values =
        [
            shared.Generation, shared.RunIds, request.Lease.ToString(), shared.Ttl, request.Draw,
            _time.GetUtcNow().ToUnixTimeMilliseconds(), terms.Newest, terms.Top, terms.Final, terms.RaiseTo, terms.Cut,
            request.Must, request.MayRaise, request.Hold, shared.MaxDeferral, shared.MaxWait, shared.MaxHold,
            shared.Replicas, terms.NextReplica, shared.Revoked, terms.UnknownEnds, terms.UnknownWaits,
            terms.GenerationAcknowledged, terms.Lowest, shared.UnknownTtl, request.Former?.ToString() ?? "",
            shared.Code,
        ];
        return Read(await RunAsync("claim", ClaimScript, Keys(request.Key), values));
    }

    public async ValueTask<ClaimReply> LeaseAsync(
        ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket)
    {
        var shared = Arguments(terms);
        RedisValue[] values =
            [shared.Generation, shared.RunIds, lease?.ToString() ?? "", shared.Ttl, ordinal, bucket, shared.Code];
        return Read(await RunAsync("lease", LeaseScript, Keys(key), values));
    }

    public async ValueTask ApplyAsync(ClaimTerms terms, IReadOnlyList<StoreWrite> writes)
    {
        StoreWrite[] prepared = [.. writes];
        await Task.WhenAll(Enumerable.Range(0, prepared.Length).Where(i => prepared[i].Kind == StoreWriteKind.Link)
            .Select(async i => prepared[i] = await PreparedAsync(Arguments(terms), prepared[i])));
        // Sent one behind the other on one connection and so carried out in order; one wait for all of them.
        var tasks = new List<Task>(prepared.Length);
        for (var i = 0; i < prepared.Length;)
        {
            var end = i;
            while (end < prepared.Length && prepared[end].Kind == StoreWriteKind.Release)
                end++;
            if (end > i)
                tasks.AddRange(prepared[i..end].Chunk(_redis.IsCluster ? 1 : end - i).Select(ReleaseAsync));
            else
                tasks.Add(ApplyAsync(Arguments(terms), prepared[end++]));
            i = end;
        }

        await Task.WhenAll(tasks);
    }

    // As many as wait cost one call, but on a Cluster, where their keys lie in different slots, one each.
    private async Task ReleaseAsync(StoreWrite[] writes)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops && writes.Length > 0; hops++)
        {
            var aliases = (RedisResult[])(await RunAsync(
                "release", ReleaseScript, Array.ConvertAll(writes, w => Key(w.Key)),
                Array.ConvertAll(writes, w => (RedisValue)w.Lease.ToString())))!;
            // Those whose name was found to point to another one.
            writes = [.. writes.Zip(aliases).Where(w => !w.Second.IsNull)
                .Select(w => w.First with { Key = SessionKey.Read((byte[])w.Second!) })];
        }
    }

    private async Task ApplyAsync(ArgumentCache shared, StoreWrite write)
    {
        switch (write.Kind)
        {
            case StoreWriteKind.Record:
                var recorded = await RunAsync(
                    "write", LeaseScript, Keys(write.Key),
                    [shared.Generation, shared.RunIds, "", shared.Ttl, write.Ordinal, write.Bucket, shared.Code]);
                ThrowIf(Read(recorded).Outcome == ClaimOutcome.StaleGeneration);
                break;
            case StoreWriteKind.Link:
                ThrowIf(!await LinkAsync("write", shared, write));
                break;
            case >= StoreWriteKind.Place:
                await ApplyPlaceAsync(shared, write);
                break;
            default:
                await FollowAsync(shared, write);
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

    private async Task FollowAsync(ArgumentCache shared, StoreWrite write)
    {
        var key = write.Key;
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            var result = await (write.Kind switch
            {
                StoreWriteKind.End => RunAsync("write", EndScript, [Key(key)], [shared.Replicas, shared.NextReplica]),
                _ => RunAsync(
                    "write", RefreshScript, Keys(key),
                    [
                        shared.Generation, shared.RunIds, shared.Ttl, shared.Terms.StampsAreLate ? 0 : write.Ordinal,
                        Ttl(shared, write), shared.Code,
                    ]),
            });
            if (result.IsNull)
                return;
            if (result.Resp2Type == ResultType.Integer)
            {
                ThrowIf((int)result == 0);
                if (hops > 0 && shared.Terms.HasLifetimes)
                    await HoldAsync(shared, key);
                return;
            }

            key = SessionKey.Read((byte[])result!);
        }
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
            return Parse(
                name, System.Text.Encoding.ASCII.GetString(bytes),
                (kept ?? TimeSpan.Zero) - (value.Expiry ?? TimeSpan.Zero));
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

    public async ValueTask<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation)
    {
        try
        {
            return await CountAllAsync(cancellation);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The connection may be exchanged for one to another primary while the keys are gone through.
            throw new StoreUnavailableException("The store went away while its sessions were counted.", e);
        }
    }

    private async Task<IReadOnlyDictionary<int, long>> CountAllAsync(CancellationToken cancellation)
    {
        var counts = new Dictionary<int, long>();
        foreach (var server in _redis.Primaries())
        {
            var page = new List<RedisKey>(ScanPage);
            await foreach (var key in server.KeysAsync(pattern: _redis.KeyPrefix + ":*", pageSize: ScanPage)
                .WithCancellation(cancellation))
            {
                page.Add(key);
                if (page.Count == ScanPage)
                    await CountAsync(page, counts);
            }

            await CountAsync(page, counts);
        }

        return counts;
    }

    private async Task CountAsync(List<RedisKey> page, Dictionary<int, long> counts)
    {
        // One GETRANGE a key and not MGET: on a Cluster the keys of a page lie in many slots.
        var reads = page.Where(k => ((byte[])k!).Length == _prefix.Length + SessionKey.Size)
            .Select(k => _redis.Database.StringGetRangeAsync(k, 0, 8)).ToArray();
        page.Clear();
        foreach (var read in reads)
        {
            var head = (string?)await read;
            if (head is not ['R' or 'E' or 'N' or '1' or '2', .. var rest])
                continue;
            var digits = char.IsAsciiDigit(head[0]) ? 3 : Math.Max(rest.IndexOf(':'), 0);
            if (int.TryParse(rest.AsSpan(0, digits), CultureInfo.InvariantCulture, out var pin))
                counts[pin] = counts.GetValueOrDefault(pin) + 1;
        }
    }

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
            1 => new ClaimReply(outcome),
            2 => new ClaimReply(outcome, Target: SessionKey.Read((byte[])fields[1]!)),
            _ => new ClaimReply(
                outcome, (int)fields[1], (int)fields[2], IsAwaited: fields.Length > 3 && (int)fields[3] == 1),
        };
    }

    private RedisKey[] Keys(SessionKey key) => _marker is null ? [Key(key)] : [Key(key), _marker[0]];

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
