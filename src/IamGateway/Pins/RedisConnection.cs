using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using IamGateway.Recording;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// The connection to Redis with a bound on every call: one that takes longer than <c>Store:Timeout</c> counts as
/// failed, and after a few failures in a row calls fail at once until a probe gets through (<see cref="ProbeAsync"/>).
/// </summary>
internal sealed class RedisConnection : IAsyncDisposable
{
    private const int FailuresToOpen = 3;
    private static readonly TimeSpan AnswersFor = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FollowInterval = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly List<Action> _subscribers = [];
    private readonly ConfigurationOptions _options;
    private readonly RedisSentinels? _sentinels;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly ITimer? _following;
    private ConnectionMultiplexer _multiplexer;
    private long _answeredAt;
    private int _failures;
    private int _isMoving;

    private RedisConnection(
        ConnectionMultiplexer multiplexer, ConfigurationOptions options, RedisSentinels? sentinels, string keyPrefix,
        TimeSpan timeout, GatewayMetrics metrics, TimeProvider time)
    {
        _multiplexer = multiplexer;
        multiplexer.ConnectionFailed += Failed;
        _options = options;
        _sentinels = sentinels;
        _metrics = metrics;
        _time = time;
        _timeout = timeout;
        KeyPrefix = keyPrefix;
        IsCluster = multiplexer.GetServers().Any(s => s.ServerType == ServerType.Cluster);
        metrics.StoreUp(true);
        if (sentinels is not null)
            _following = time.CreateTimer(_ => _ = FollowAsync(), null, FollowInterval, FollowInterval);
    }

    public string KeyPrefix { get; }

    public IDatabase Database => Volatile.Read(ref _multiplexer).GetDatabase();

    public bool IsCluster { get; }

    // One hash tag, so that the routing state, its marker and the events are changed in one step on a Cluster too.
    public RedisKey StateKey => KeyPrefix + ":{r}:state";

    public RedisKey GenerationKey => KeyPrefix + ":{r}:generation";

    public RedisKey EventsKey => KeyPrefix + ":{r}:events";

    public RedisKey ExecutorKey => KeyPrefix + ":{r}:executor";

    public RedisKey ReportsKey => KeyPrefix + ":reports";

    public RedisChannel Channel => RedisChannel.Literal(KeyPrefix + ":routing");

    /// <summary>It has answered within the last tenth of a second, and nothing has failed since.</summary>
    public bool IsAnswering =>
        Volatile.Read(ref _answeredAt) is not 0 and var at && _time.GetElapsedTime(at) < AnswersFor;

    public bool IsOpen => Volatile.Read(ref _failures) >= FailuresToOpen;

    /// <summary>
    /// Connects, or throws <see cref="StoreUnavailableException"/> if no server answers within five seconds.
    /// </summary>
    public static async Task<RedisConnection> ConnectAsync(
        string connectionString, string keyPrefix, TimeSpan timeout, GatewayMetrics metrics, TimeProvider time)
    {
        var options = ConfigurationOptions.Parse(connectionString);
        options.AbortOnConnectFail = true;
        options.ClientName = "iamgateway";
        // Nobody asks for it, and its command is not in the ACLs of Redis before 7.2.
        options.SetClientLibrary = false;
        // For INFO, which says whether the server that answers is the one that is trusted; no admin command changes
        // anything.
        options.AllowAdmin = true;
        options.IncludeDetailInExceptions = false;
        // While it is away a call must fail at once and not queue up.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ReconnectRetryPolicy = new LinearRetry(250);
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(500);
        options.ConfigCheckSeconds = 5;
        options.KeepAlive = 5;
        options.ConnectTimeout = 3000;
        RedisSentinels? sentinels = null;
        try
        {
            sentinels = await RedisSentinels.ConnectAsync(options, time);
            if (sentinels is not null)
            {
                var primary = await sentinels.PrimaryAsync() ?? throw new TimeoutException("No sentinel answers.");
                options = Direct(options, primary);
            }

            var multiplexer = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(
                TimeSpan.FromSeconds(10), time);
            return new RedisConnection(multiplexer, options, sentinels, keyPrefix, timeout, metrics, time);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            if (sentinels is not null)
                await sentinels.DisposeAsync();
            throw new StoreUnavailableException(
                $"no Redis answers at {string.Join(", ", options.EndPoints.Select(p => Format(p)))}", e);
        }
    }

    private void Failed(object? sender, ConnectionFailedEventArgs e) => Volatile.Write(ref _answeredAt, 0);

    private static ConfigurationOptions Direct(ConfigurationOptions options, EndPoint primary)
    {
        var direct = options.Clone();
        direct.ServiceName = null;
        direct.TieBreaker = "";
        direct.EndPoints.Clear();
        direct.EndPoints.Add(primary);
        return direct;
    }

    private static string Format(EndPoint endpoint) => endpoint switch
    {
        DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
        _ => endpoint.ToString() ?? "",
    };

    public IEnumerable<IServer> Primaries() =>
        _multiplexer.GetServers().Where(s => s.IsConnected && !s.IsReplica && s.ServerType != ServerType.Sentinel);

    /// <summary>Calls back when a replica has published a change.</summary>
    public async Task SubscribeAsync(Action changed)
    {
        ConnectionMultiplexer multiplexer;
        lock (_lock)
        {
            _subscribers.Add(changed);
            multiplexer = _multiplexer;
        }

        await SubscribeAsync(multiplexer, changed);
    }

    private async Task SubscribeAsync(ConnectionMultiplexer multiplexer, Action changed)
    {
        try
        {
            await multiplexer.GetSubscriber().SubscribeAsync(Channel, (_, _) => changed());
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The library subscribes when it is connected again; polling makes up for what is missed until then.
        }
    }

    public ValueTask<T> RunAsync<T>(string operation, Func<IDatabase, Task<T>> call) =>
        RunAsync(operation, call, static (db, c) => c(db));

    public async ValueTask<T> RunAsync<TState, T>(
        string operation, TState state, Func<IDatabase, TState, Task<T>> call, bool probe = false)
    {
        if (!probe && IsOpen)
            throw new StoreUnavailableException("The store did not answer lately.");
        try
        {
            var result = await call(Database, state).WaitAsync(_timeout, _time);
            Volatile.Write(ref _answeredAt, _time.GetTimestamp());
            if (Volatile.Read(ref _failures) != 0)
            {
                Volatile.Write(ref _failures, 0);
                _metrics.StoreUp(true);
            }

            return result;
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            _metrics.StoreError(operation);
            Volatile.Write(ref _answeredAt, 0);
            if (IsAway(e) && Interlocked.Increment(ref _failures) >= FailuresToOpen)
                _metrics.StoreUp(false);
            throw new StoreUnavailableException($"The store did not carry out '{operation}': {Reason(e)}.", e);
        }
    }

    // An error about one entry says nothing about the others, which must go on being asked for.
    private static bool IsAway(Exception e) => e is not RedisServerException server
        || !server.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal)
            && !server.Message.StartsWith("ERR", StringComparison.Ordinal);

    // Server errors begin with a code in capitals (READONLY, NOREPLICAS, OOM); their text may hold arguments and stays
    // out.
    private static string Reason(Exception e) => e switch
    {
        RedisServerException server => server.Message.Split(' ', 2)[0],
        TimeoutException => "no answer in time",
        _ => "no connection",
    };

    /// <summary>Asks the topology again; a primary that answers READONLY or is gone has a successor.</summary>
    public async Task ProbeAsync()
    {
        try
        {
            if (_sentinels is not null)
                await FollowAsync();
            else
                await _multiplexer.ConfigureAsync().WaitAsync(TimeSpan.FromSeconds(2), _time);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The next call says whether it helped.
        }
    }

    /// <summary>Moves to the primary that the sentinels name, if it is another one.</summary>
    private async Task FollowAsync()
    {
        if (Interlocked.Exchange(ref _isMoving, 1) != 0)
            return;
        try
        {
            if (await _sentinels!.PrimaryAsync() is not { } primary || _multiplexer.GetEndPoints().Contains(primary))
                return;
            var next = await ConnectionMultiplexer.ConnectAsync(Direct(_options, primary));
            next.ConnectionFailed += Failed;
            ConnectionMultiplexer former;
            Action[] subscribers;
            lock (_lock)
            {
                former = _multiplexer;
                Volatile.Write(ref _multiplexer, next);
                subscribers = [.. _subscribers];
            }

            // Its calls in flight fail, as those of a store that is away.
            await CloseAsync(former);
            foreach (var changed in subscribers)
                await SubscribeAsync(next, changed);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // Asked again soon.
        }
        finally
        {
            Volatile.Write(ref _isMoving, 0);
        }
    }

    /// <summary>The run ids of all primaries; fewer than there are when one does not answer.</summary>
    public async Task<ImmutableArray<string>> RunIdsAsync()
    {
        var ids = new List<string>();
        foreach (var server in Primaries())
        {
            try
            {
                var info = await server.InfoAsync("server").WaitAsync(_timeout, _time);
                var id = info.SelectMany(g => g).FirstOrDefault(p => p.Key == "run_id").Value;
                if (id is not null)
                    ids.Add(id);
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                // Not among the primaries, then: records there prove nothing until it is.
            }
        }

        return [.. ids.Order()];
    }

    /// <summary>
    /// The eviction policy of a primary that may evict keys, or null. Evicting a name would split its session.
    /// </summary>
    public async Task<string?> EvictionPolicyAsync()
    {
        try
        {
            foreach (var server in Primaries())
            {
                var sections = await server.InfoAsync("memory").WaitAsync(TimeSpan.FromSeconds(5), _time);
                var info = sections.SelectMany(g => g).ToDictionary(p => p.Key, p => p.Value);
                if (info.GetValueOrDefault("maxmemory", "0") != "0"
                    && info.GetValueOrDefault("maxmemory_policy", "noeviction") is var policy and not "noeviction")
                    return policy;
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException("Redis went away while its eviction policy was asked for", e);
        }

        return null;
    }

    /// <summary>How many servers follow the primary that has the fewest.</summary>
    public async Task<int> ReplicaCountAsync()
    {
        var fewest = int.MaxValue;
        try
        {
            foreach (var server in Primaries())
            {
                var sections = await server.InfoAsync("replication").WaitAsync(TimeSpan.FromSeconds(5), _time);
                var text = sections.SelectMany(g => g).FirstOrDefault(p => p.Key == "connected_slaves").Value;
                fewest = Math.Min(fewest, int.TryParse(text, CultureInfo.InvariantCulture, out var count) ? count : 0);
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException("Redis went away while its replicas were counted", e);
        }

        return fewest == int.MaxValue ? 0 : fewest;
    }

    public async ValueTask DisposeAsync()
    {
        if (_following is not null)
            await _following.DisposeAsync();
        if (_sentinels is not null)
            await _sentinels.DisposeAsync();
        await CloseAsync(_multiplexer);
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
