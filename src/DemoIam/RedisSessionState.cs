using System.Globalization;
using StackExchange.Redis;

namespace DemoIam;

/// <summary>Session state in Redis, shared between processes.</summary>
public sealed class RedisSessionState : ISessionState, IAsyncDisposable
{
    // Version check, rewrite and change in one script: between a read and a write of its own, another version could
    // migrate the state unseen. The orders have a fixed width, so comparing them as strings is enough.
    private const string TouchScript =
        """
        local s = redis.call('HMGET', KEYS[1], 'version', 'order', 'user', 'step', 'created')
        if not s[1] then return false end
        local outcome = 'current'
        if s[2] > ARGV[2] then
          outcome = 'tooNew'
        else
          if s[2] < ARGV[2] then
            outcome = 'migrated'
            s[1] = ARGV[1]
            redis.call('HSET', KEYS[1], 'version', ARGV[1], 'order', ARGV[2])
          end
          if ARGV[3] ~= '' then s[3] = ARGV[3]; redis.call('HSET', KEYS[1], 'user', s[3]) end
          if ARGV[4] ~= '' then s[4] = ARGV[4]; redis.call('HSET', KEYS[1], 'step', s[4]) end
        end
        return { outcome, s[1], s[3], s[4], s[5] }
        """;

    private const string CreateScript =
        """
        redis.call('HSET', KEYS[1], 'version', ARGV[1], 'order', ARGV[2], 'step', ARGV[3], 'created', ARGV[4])
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
        """;

    private const string FindScript =
        """
        local sid = redis.call('GET', KEYS[1])
        if sid and redis.call('EXISTS', ARGV[1] .. sid) == 1 then return sid end
        return false
        """;

    private const string ExpireScript =
        "if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end";

    private readonly ConnectionMultiplexer _connection;
    private readonly IDatabase _database;
    private readonly string _sessionPrefix;
    private readonly string _namePrefix;
    private readonly TimeProvider _time;

    private RedisSessionState(ConnectionMultiplexer connection, string prefix, TimeProvider time)
    {
        _connection = connection;
        _database = connection.GetDatabase();
        _sessionPrefix = prefix + "session:";
        _namePrefix = prefix + "name:";
        _time = time;
    }

    /// <param name="configuration">host:port, or any StackExchange.Redis configuration string.</param>
    /// <param name="prefix">Prefix of all keys; tests that share a server can keep apart with it.</param>
    /// <param name="time">Clock for creation times (Redis expires keys by its own clock).</param>
    public static async Task<RedisSessionState> ConnectAsync(
        string configuration, string prefix = "demoiam:", TimeProvider? time = null)
    {
        var options = ConfigurationOptions.Parse(configuration);
        // Generous: on a busy test machine a slow answer is no error of the session state.
        options.AsyncTimeout = 10_000;
        options.SyncTimeout = 10_000;
        var connection = await ConnectionMultiplexer.ConnectAsync(options);
        return new RedisSessionState(connection, prefix, time ?? TimeProvider.System);
    }

    public async ValueTask CreateAsync(string sid, StateVersion version) =>
        await _database.ScriptEvaluateAsync(
            CreateScript,
            [SessionKey(sid)],
            [
                version.Text, version.Order, Steps.Login, _time.GetUtcNow().ToUnixTimeMilliseconds(),
                (long)Lifetimes.Session.TotalMilliseconds,
            ]);

    public async ValueTask<TouchResult> TouchAsync(string sid, StateVersion version, SessionChange? change = null)
    {
        var answer = await _database.ScriptEvaluateAsync(
            TouchScript,
            [SessionKey(sid)],
            [version.Text, version.Order, change?.User ?? "", change?.Step ?? ""]);
        if (answer.IsNull)
            return new TouchResult(TouchOutcome.Gone, null);

        var fields = (string?[])answer!;
        var outcome = fields[0] switch
        {
            "current" => TouchOutcome.Current,
            "migrated" => TouchOutcome.Migrated,
            _ => TouchOutcome.TooNew,
        };
        var created = long.Parse(fields[4]!, CultureInfo.InvariantCulture);
        return new TouchResult(outcome, new SessionSnapshot(
            fields[1]!,
            string.IsNullOrEmpty(fields[2]) ? null : fields[2],
            fields[3]!,
            DateTimeOffset.FromUnixTimeMilliseconds(created)));
    }

    public async ValueTask DeleteAsync(string sid) => await _database.KeyDeleteAsync(SessionKey(sid));

    public async ValueTask<string?> FindAsync(NameKind kind, string name) =>
        (string?)await _database.ScriptEvaluateAsync(FindScript, [NameKey(kind, name)], [_sessionPrefix]);

    public async ValueTask AddNameAsync(NameKind kind, string name, string sid, TimeSpan lifetime) =>
        await _database.StringSetAsync(NameKey(kind, name), sid, lifetime);

    public async ValueTask ExpireNameAsync(NameKind kind, string name, TimeSpan after) =>
        await _database.ScriptEvaluateAsync(ExpireScript, [NameKey(kind, name)], [(long)after.TotalMilliseconds]);

    public async ValueTask<bool> ConsumeNameAsync(NameKind kind, string name) =>
        await _database.KeyDeleteAsync(NameKey(kind, name));

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private RedisKey SessionKey(string sid) => _sessionPrefix + sid;

    private RedisKey NameKey(NameKind kind, string name) => $"{_namePrefix}{kind}:{name}";
}
