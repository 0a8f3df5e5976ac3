using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>To another primary, and to another user or password.</summary>
internal sealed partial class RedisConnection
{
    /// <summary>Asks the topology again; a primary that answers READONLY or is gone has a successor.</summary>
    public async Task ProbeAsync()
    {
        try
        {
            if (_link.Sentinels is not null)
                await FollowAsync();
            else
                await _link.Multiplexer.ConfigureAsync().WaitAsync(TimeSpan.FromSeconds(2), _time);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The next call says whether it helped.
        }
    }

    /// <summary>Moves to the primary that the sentinels name, if it is another one.</summary>
    private async Task FollowAsync()
    {
        if (Interlocked.Exchange(ref _isFollowing, 1) != 0)
            return;
        try
        {
            var former = _link;
            if (await former.Sentinels!.PrimaryAsync() is not { } primary
                || former.Multiplexer.GetEndPoints().Contains(primary))
                return;
            var next = await ConnectionMultiplexer.ConnectAsync(Direct(former.Options, primary));
            var isUsed = TryUse(former, former with { Multiplexer = next });
            // Its calls in flight fail, as those of a store that is away.
            await CloseAsync(isUsed ? former.Multiplexer : next);
            if (isUsed)
                await SubscribeAllAsync(next);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // Asked again soon.
        }
        finally
        {
            Volatile.Write(ref _isFollowing, 0);
        }
    }

    /// <summary>
    /// Whether two connection strings differ in nothing but who the gateway is to the servers and the sentinels.
    /// </summary>
    public static bool HaveTheSameServers(string one, string other) => Servers(one) == Servers(other);

    private static string Servers(string connectionString)
    {
        var options = ConfigurationOptions.Parse(connectionString);
        options.User = options.Password = options.SentinelUser = options.SentinelPassword = null;
        return options.ToString();
    }

    /// <summary>
    /// Goes over to the user and the password that <paramref name="connectionString"/> has for the same servers, by a
    /// connection that is made beside the one in use: no call fails by it. False: they are not taken by all of them, or
    /// not now, and everything stays as it was.
    /// </summary>
    public async Task<bool> TryLogInAsync(string connectionString)
    {
        var (former, time) = (_link, _time);
        try
        {
            var next = await OpenAsync(connectionString, time);
            if (!await IsTakenAsync(next) || !TryUse(former, next))
            {
                await CloseAsync(next);
                return false;
            }

            await SubscribeAllAsync(next.Multiplexer);
            // Claims and writes that began there end there; none takes longer.
            await Task.Delay(Timeout, time);
            await CloseAsync(former);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    // Each server has users of its own, and where one lets anybody in the library goes on as nobody in particular.
    private async Task<bool> IsTakenAsync(Link link)
    {
        try
        {
            foreach (var server in link.Multiplexer.GetServers().Where(s => !s.IsReplica))
            {
                if (link.Options is { Password: { } password } options)
                {
                    object[] login = options.User is { } user ? [user, password] : [password];
                    await server.ExecuteAsync("AUTH", login).WaitAsync(Timeout, _time);
                }

                await server.InfoAsync("server").WaitAsync(Timeout, _time);
            }

            await link.Multiplexer.GetDatabase().StringGetAsync(GenerationKey).WaitAsync(Timeout, _time);
            return true;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return false;
        }
    }

    /// <summary>False: the one that was to be replaced is not in use any more, or nothing is.</summary>
    private bool TryUse(Link former, Link next)
    {
        lock (_lock)
        {
            if (_isClosed || _link != former)
                return false;
            next.Multiplexer.ConnectionFailed += Broke;
            _link = next;
            return true;
        }
    }

    private async Task SubscribeAllAsync(ConnectionMultiplexer multiplexer)
    {
        Action[] subscribers;
        lock (_lock)
            subscribers = [.. _subscribers];
        foreach (var changed in subscribers)
            await SubscribeAsync(multiplexer, changed);
    }

    private async Task CloseAsync(Link link)
    {
        if (link.Sentinels is not null)
            await link.Sentinels.DisposeAsync();
        await CloseAsync(link.Multiplexer);
    }

    // Not disposed of, which waits for commands that a server which hangs may never answer.
    private async Task CloseAsync(ConnectionMultiplexer multiplexer)
    {
        try
        {
            await multiplexer.CloseAsync(allowCommandsToComplete: false).WaitAsync(TimeSpan.FromSeconds(2), _time);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // It ends with the process.
        }
    }
}
