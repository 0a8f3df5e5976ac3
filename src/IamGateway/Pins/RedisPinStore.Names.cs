using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// Names that point to a record. Where kinds of names have lifetimes of their own, a name must not lead through another
/// that goes before it: the record would be lost under the one and be known under the rest. So it points to the end of
/// the chain; and if that is not there, which may be because another replica has it queued still, it is noted that
/// names lead through it. Each side writes first and looks for what the other has written then.
/// </summary>
internal sealed partial class RedisPinStore
{
    public async ValueTask<bool> LinkAsync(
        ClaimTerms terms, SessionKey name, SessionKey root, TimeSpan? lifetime = null)
    {
        var shared = Arguments(terms);
        var write = new StoreWrite(StoreWriteKind.Link, name, Target: root, Lifetime: lifetime);
        return await LinkAsync("link", shared, terms.HasLifetimes ? await PreparedAsync(shared, write) : write);
    }

    private async Task<bool> LinkAsync(string operation, ArgumentCache shared, StoreWrite write)
    {
        if (write.Key == write.Target)
            return true;
        if (!await LinkAsync(operation, shared, write, Ttl(shared, write)))
            return false;
        return write.Lifetime is null || !await IsHeldAsync(write.Key)
            || await LinkAsync(operation, shared, write, shared.Ttl);
    }

    private async Task<bool> LinkAsync(string operation, ArgumentCache shared, StoreWrite write, RedisValue ttl) =>
        (int)await RunAsync(
            operation, LinkScript, Keys(write.Key), [shared.Generation, shared.RunIds, Bytes(write.Target), ttl]) == 1;

    /// <summary>The link as it is to be written: where it points, and whether it may go early.</summary>
    private async Task<StoreWrite> PreparedAsync(ArgumentCache shared, StoreWrite write)
    {
        var (end, isThere) = await ResolveAsync(write.Target);
        if (!shared.Terms.HasLifetimes)
            return write with { Target = end };
        while (!isThere)
        {
            await HoldAsync(shared, end);
            (var next, isThere) = await ResolveAsync(end);
            if (next == end)
                break;
            end = next;
        }

        var isHeld = write.Lifetime is not null && await IsHeldAsync(write.Key);
        return write with { Target = end, Lifetime = isHeld ? null : write.Lifetime };
    }

    // What a name points to never changes, so that a link may as well point there: chains stay short however often a
    // session rotates its names on replicas that did not see the last one issued.
    private async Task<(SessionKey End, bool IsThere)> ResolveAsync(SessionKey name)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            var value = await _redis.RunAsync("write", db => db.StringGetAsync(Key(name)));
            if (value.IsNull || (byte[])value! is not [(byte)'A', .. var target])
                return (name, !value.IsNull);
            name = SessionKey.Read(target);
        }

        return (name, true);
    }

    private async Task HoldAsync(ArgumentCache shared, SessionKey name) =>
        await _redis.RunAsync("write", db => db.StringSetAsync(HoldKey(name), "", shared.Terms.SessionTtl));

    private async Task<bool> IsHeldAsync(SessionKey name) =>
        await _redis.RunAsync("write", db => db.KeyExistsAsync(HoldKey(name)));

    private RedisKey HoldKey(SessionKey name) => Key(name).Append("t");

    private static RedisValue Ttl(ArgumentCache shared, StoreWrite write) => write.Lifetime is { } lifetime
        ? (long)lifetime.TotalMilliseconds
        : shared.Ttl;
}
