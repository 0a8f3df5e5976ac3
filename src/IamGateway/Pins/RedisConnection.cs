using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Security.Authentication;
using IamGateway.Recording;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// The connection to Redis with a bound on every call: one that takes longer than <c>Store:Timeout</c> counts as
/// failed, and after a few failures in a row calls fail at once until a probe gets through (<see cref="ProbeAsync"/>).
/// </summary>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    private const int FailuresToOpen = 3;
    private static readonly TimeSpan AnswersFor = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FollowInterval = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly List<Action> _subscribers = [];
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ITimer? _following;
    private volatile Link _link;
    private long _answeredAt;
    private int _failures;
    private bool _isClosed;
    private int _isFollowing;

    private RedisConnection(Link link, string keyPrefix, TimeSpan timeout, GatewayMetrics metrics, TimeProvider time)
    {
        _link = link;
        link.Multiplexer.ConnectionFailed += Broke;
        _metrics = metrics;
        _time = time;
        Timeout = timeout;
        KeyPrefix = keyPrefix;
        IsCluster = link.Multiplexer.GetServers().Any(s => s.ServerType == ServerType.Cluster);
        metrics.StoreUp(true);
        if (link.Sentinels is not null)
            _following = time.CreateTimer(_ => _ = FollowAsync(), null, FollowInterval, FollowInterval);
    }

    public string KeyPrefix { get; }

    /// <summary>No call takes longer.</summary>
    public TimeSpan Timeout { get; }

    public IDatabase Database => _link.Multiplexer.GetDatabase();

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
        string connectionString, string keyPrefix, TimeSpan timeout, GatewayMetrics metrics, TimeProvider time) =>
        new(await OpenAsync(connectionString, time), keyPrefix, timeout, metrics, time);

    private static async Task<Link> OpenAsync(string connectionString, TimeProvider time)
    {
        var options = Options(connectionString);
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
            return new Link(multiplexer, options, sentinels);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            if (sentinels is not null)
                await sentinels.DisposeAsync();
            var servers = string.Join(", ", options.EndPoints.Select(p => Format(p)));
            throw new StoreUnavailableException(Problem(e, servers), e);
        }
    }

    private static string Problem(Exception error, string servers) => error switch
    {
        RedisConnectionException
        {
            FailureType: ConnectionFailureType.AuthenticationFailure, InnerException: AuthenticationException,
        } =>
            $"TLS to Redis at {servers} fails, most likely its certificate is not trusted; name its authority",
        RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } =>
            $"Redis at {servers} refuses the user or the password; correct them",
        _ => $"no Redis answers at {servers}; start it or correct the address",
    };

    private static ConfigurationOptions Options(string connectionString)
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
        return options;
    }

    private void Broke(object? sender, ConnectionFailedEventArgs e) => Volatile.Write(ref _answeredAt, 0);

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
        _link.Multiplexer.GetServers().Where(s => s.IsConnected && !s.IsReplica && s.ServerType != ServerType.Sentinel);

    /// <summary>Calls back when a replica has published a change.</summary>
    public async Task SubscribeAsync(Action changed)
    {
        ConnectionMultiplexer multiplexer;
        lock (_lock)
        {
            _subscribers.Add(changed);
            multiplexer = _link.Multiplexer;
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
            var result = await call(Database, state).WaitAsync(Timeout, _time);
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
            throw Failed(operation, e);
        }
    }

    /// <summary>Counts a call, or a part of one, that has failed.</summary>
    public StoreUnavailableException Failed(string operation, Exception error)
    {
        _metrics.StoreError(operation);
        Volatile.Write(ref _answeredAt, 0);
        if (IsAway(error) && Interlocked.Increment(ref _failures) >= FailuresToOpen)
            _metrics.StoreUp(false);
        return new StoreUnavailableException($"The store did not carry out '{operation}': {Reason(error)}.", error);
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

    /// <summary>The run ids of all primaries; fewer than there are when one does not answer.</summary>
    public async Task<ImmutableArray<string>> RunIdsAsync()
    {
        var ids = new List<string>();
        foreach (var server in Primaries())
        {
            try
            {
                var info = await server.InfoAsync("server").WaitAsync(Timeout, _time);
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
            throw new StoreUnavailableException(
                "Redis went away while its eviction policy was asked for; start it again", e);
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
        lock (_lock)
            _isClosed = true;
        await CloseAsync(_link);
    }

    /// <summary>What it goes through; behind sentinels the options name the primary that was the first one.</summary>
    private sealed record Link(
        ConnectionMultiplexer Multiplexer, ConfigurationOptions Options, RedisSentinels? Sentinels);
}
