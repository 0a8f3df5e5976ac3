using IamGateway.Configuration;

namespace IamGateway.Pins;

/// <summary>
/// Exchanges who the gateway is to Redis while it runs. Another user or password is used when Redis takes it, and tried
/// until then, so that it does not matter which side is told first; the former goes on being used.
/// </summary>
internal sealed partial class RedisLogin(
    RedisConnection redis, GatewaySettings settings, TimeProvider time, ILogger<RedisLogin> logger) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private readonly CancellationTokenSource _stop = new();
    private string? _wanted = settings.Redis;

    /// <summary>
    /// <paramref name="connectionString"/> is configured now. False: it names other servers or options, which take a
    /// restart.
    /// </summary>
    public bool TryExchange(string? connectionString)
    {
        if (connectionString == _wanted)
            return true;
        if (connectionString is null || !RedisConnection.HaveTheSameServers(connectionString, settings.Redis!))
            return false;
        Volatile.Write(ref _wanted, connectionString);
        _ = ExchangeAsync(connectionString);
        return true;
    }

    private async Task ExchangeAsync(string wanted)
    {
        var stop = _stop.Token;
        for (var isFirst = true; wanted == Volatile.Read(ref _wanted) && !stop.IsCancellationRequested; isFirst = false)
        {
            if (await redis.TryLogInAsync(wanted))
            {
                Log.Exchanged(logger);
                return;
            }

            if (isFirst)
                Log.NotTaken(logger, (int)Interval.TotalSeconds);
            await Task.Delay(Interval, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(
            2200, LogLevel.Information, "Redis takes the new user or password of ConnectionStrings:Redis; it is used.")]
        public static partial void Exchanged(ILogger logger);

        [LoggerMessage(
            2201, LogLevel.Warning,
            "Redis does not take the new user or password of ConnectionStrings:Redis, or does not answer; the former "
            + "one goes on being used, and the new one is tried again every {Seconds} seconds.")]
        public static partial void NotTaken(ILogger logger, int seconds);
    }
}
