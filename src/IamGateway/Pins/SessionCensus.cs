using System.Diagnostics;
using IamGateway.Configuration;
using IamGateway.Recording;
using IamGateway.Routing;

namespace IamGateway.Pins;

/// <summary>
/// Counts sessions per version now and then; how often depends on how long it takes, and on whether there is more than
/// one version to count at.
/// </summary>
internal sealed partial class SessionCensus(
    IPinStore store, Replica replica, GatewaySettings settings, GatewayMetrics metrics, TimeProvider time,
    ILogger<SessionCensus> logger)
    : BackgroundService
{
    private const int QuietRests = 5;
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(2);

    /// <summary>The last count, by ordinal.</summary>
    public IReadOnlyDictionary<int, long> Latest { get; private set; } = new Dictionary<int, long>();

    /// <summary>The last count of sessions by instance; null: none yet, or they live on no particular one.</summary>
    public PlaceCount? Places { get; private set; }

    /// <summary>
    /// Sessions at a version. One whose record is of a retired version is at the lowest active one: that is where its
    /// next request finds it.
    /// </summary>
    public long Of(VersionEntry version)
    {
        var state = replica.View.State;
        if (version.Status == VersionStatus.Retired || version.Ordinal == 0)
            return 0;
        if (version.Ordinal != state.Active.First().Ordinal)
            return Latest.GetValueOrDefault(version.Ordinal);
        var revoked = state.Versions.Where(v => v.Status == VersionStatus.Revoked).Select(v => v.Ordinal).ToArray();
        return Latest.Where(c => c.Key <= version.Ordinal && !revoked.Contains(c.Key)).Sum(c => c.Value);
    }

    /// <summary>Counts now, by ordinal.</summary>
    public async Task<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation)
    {
        var counts = await store.CountAsync(cancellation);
        Latest = counts;
        if (settings.Options.Affinity == SessionAffinity.Instance)
        {
            var begun = time.GetTimestamp();
            Places = new PlaceCount(await store.CountPlacesAsync(cancellation), begun);
        }

        metrics.Sessions(replica.View.State.Versions.Where(v => v.Status == VersionStatus.Active)
            .ToDictionary(v => v.Version.ToString(), Of));
        return counts;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var started = Stopwatch.GetTimestamp();
            await TryCountAsync(stoppingToken);
            // At most a fiftieth of the time goes into counting, and a fifth of that while nothing is going on.
            var took = Stopwatch.GetElapsedTime(started) * 50;
            var rest = took > Shortest ? took : Shortest;
            for (var i = 0; i < QuietRests && (i == 0 || IsQuiet); i++)
            {
                await Task.Delay(rest, time, stoppingToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private bool IsQuiet =>
        replica is { HasView: true, View.State.Phase: RoutingPhase.Steady }
        && settings.Options.Affinity != SessionAffinity.Instance;

    private async Task TryCountAsync(CancellationToken stop)
    {
        try
        {
            if (replica.CanServe)
                await CountAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It ends with the process.
        }
        catch (Exception e)
            when (e is StoreUnavailableException or StackExchange.Redis.RedisException or TimeoutException)
        {
            Log.NotCounted(logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2000, LogLevel.Debug, "Sessions were not counted: {Reason}")]
        public static partial void NotCounted(ILogger logger, string reason);
    }
}
