using StackExchange.Redis;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>
/// Records in Redis, as a cluster in a rolling upgrade has them: each begins with the number of its format. The newer
/// version rewrites every record that it touches, and the older version cannot read what the newer has written.
/// </summary>
internal sealed class VersionedRecords(IDatabase redis, string prefix, string version)
{
    // Notes who touches the record and then does it, in one step, so that the history has the order of what happened.
    // KEYS: record, history. ARGV: format, version, request, operation, new value, seconds to live.
    private const string Touch = """
        redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. KEYS[1])
        local stored = redis.call('GET', KEYS[1])
        if stored and tonumber(string.sub(stored, 1, 1)) > tonumber(ARGV[1]) then
          return redis.error_reply('UNREADABLE ' .. KEYS[1] .. ' is of a newer version')
        end
        if ARGV[4] == 'write' then redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[5], 'EX', ARGV[6])
        elseif ARGV[4] == 'delete' then redis.call('DEL', KEYS[1])
        elseif stored then redis.call('SET', KEYS[1], ARGV[1] .. string.sub(stored, 2), 'KEEPTTL') end
        return stored and string.sub(stored, 3)
        """;

    private const int SecondsToLive = 3600;
    private readonly string _format = version == OidcKind.Older ? "1" : "2";
    private readonly AsyncLocal<string?> _request = new();
    private int _unreadable;

    public int Unreadable => _unreadable;

    /// <summary>Names the request that touches records from here on.</summary>
    public void Enter(string request) => _request.Value = request;

    /// <summary>The record's text, or null; a newer version has rewritten it thereby.</summary>
    public Task<string?> ReadAsync(string kind, string id) => TouchAsync(kind, id, "read");

    public Task WriteAsync(string kind, string id, string text) => TouchAsync(kind, id, "write", text);

    public Task DeleteAsync(string kind, string id) => TouchAsync(kind, id, "delete");

    private async Task<string?> TouchAsync(string kind, string id, string operation, string text = "")
    {
        try
        {
            return (string?)await redis.ScriptEvaluateAsync(
                Touch, [$"{prefix}{kind}:{id}", prefix + "history"],
                [_format, version, _request.Value ?? "none", operation, text, SecondsToLive]);
        }
        catch (RedisServerException e) when (e.Message.StartsWith("UNREADABLE", StringComparison.Ordinal))
        {
            Interlocked.Increment(ref _unreadable);
            throw;
        }
    }

    /// <summary>Further keys, which are no records: what they hold is the same in every format.</summary>
    public Task AddToIndexAsync(string index, string id) => redis.SetAddAsync($"{prefix}index:{index}", id);

    public async Task<string[]> IndexAsync(string index) =>
        [.. (await redis.SetMembersAsync($"{prefix}index:{index}")).Select(id => id.ToString())];
}
