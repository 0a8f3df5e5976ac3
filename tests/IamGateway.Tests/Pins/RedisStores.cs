using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Pins;

/// <summary>Connections to one redis-server, each with a key prefix of its own.</summary>
internal static class RedisStores
{
    public static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(200);

    /// <summary>For tests in which the server is never away: a busy machine is no failure.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Task<RedisConnection> ConnectAsync(RedisServer server, TimeSpan timeout, string? prefix = null) =>
        RedisConnection.ConnectAsync(
            server.ConnectionString, prefix ?? "t" + RoutingState.RandomTag(), timeout, new GatewayMetrics(),
            TimeProvider.System);

    /// <summary>Asks again and again, as a replica does, until the store answers.</summary>
    public static async Task UntilAnsweredAsync(RedisConnection redis)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                await redis.RunAsync("state", 0, static (db, _) => db.PingAsync(), probe: true);
                return;
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(20, patience.Token);
            }
        }
    }
}
