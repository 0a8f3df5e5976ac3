using System.Net;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// Asks the sentinels where the primary is. The library's own following of a fail-over is not used: a former primary
/// that comes back is a primary to it as well, until it is told otherwise, and may be the one that it goes on talking
/// to.
/// </summary>
internal sealed class RedisSentinels : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);
    private readonly ConnectionMultiplexer _sentinels;
    private readonly string _service;
    private readonly TimeProvider _time;

    private RedisSentinels(ConnectionMultiplexer sentinels, string service, TimeProvider time)
    {
        _sentinels = sentinels;
        _service = service;
        _time = time;
    }

    /// <summary>Connects to the sentinels that <paramref name="options"/> name; null: they name none.</summary>
    public static async Task<RedisSentinels?> ConnectAsync(ConfigurationOptions options, TimeProvider time)
    {
        if (string.IsNullOrEmpty(options.ServiceName))
            return null;
        var own = options.Clone();
        own.User = options.SentinelUser;
        own.Password = options.SentinelPassword;
        own.CommandMap = CommandMap.Sentinel;
        own.TieBreaker = "";
        var sentinels = await ConnectionMultiplexer.SentinelConnectAsync(own);
        return new RedisSentinels(sentinels, options.ServiceName, time);
    }

    /// <summary>Where most of the sentinels that answer say that the primary is; null: none answers.</summary>
    public async Task<EndPoint?> PrimaryAsync()
    {
        var answers = await Task.WhenAll(_sentinels.GetServers().Where(s => s.IsConnected).Select(AskAsync));
        return answers.OfType<EndPoint>().GroupBy(a => a).MaxBy(g => g.Count())?.Key;
    }

    private async Task<EndPoint?> AskAsync(IServer sentinel)
    {
        try
        {
            return await sentinel.SentinelGetMasterAddressByNameAsync(_service).WaitAsync(Patience, _time);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return null;
        }
    }

    public ValueTask DisposeAsync() => _sentinels.DisposeAsync();
}
