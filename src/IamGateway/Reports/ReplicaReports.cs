using System.Collections.Immutable;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;

namespace IamGateway.Reports;

/// <summary>
/// Writes this replica's report once a second and reads those of the others. A report that does not change any more, as
/// this replica sees it, is stale; no two clocks are compared.
/// </summary>
internal sealed class ReplicaReports(
    IReportStore store, Replica replica, InFlight inFlight, InstanceTable instances, OpenConnections connections,
    RequestRecorder recorder, GatewayMetrics metrics, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);

    private readonly SemaphoreSlim _one = new(1, 1);
    private ImmutableDictionary<long, Seen> _seen = ImmutableDictionary<long, Seen>.Empty;
    private long _number;

    /// <summary>Raised once a second, whether or not the store was there.</summary>
    public event Action? Exchanged;

    /// <summary>The last report of every registered replica that has written one, this one's among them.</summary>
    public IReadOnlyList<ReplicaReport> Latest => Of(isStale: false);

    /// <summary>Reports of registered replicas that have not renewed them for five seconds.</summary>
    public IReadOnlyList<ReplicaReport> Stale => Of(isStale: true);

    /// <summary>Those two together: what was counted counts, whether or not its replica is still heard of.</summary>
    public IReadOnlyList<ReplicaReport> Known => [.. Latest, .. Stale];

    /// <summary>Registered replicas, but for those known to be dead, of which there is no report now.</summary>
    public IReadOnlyList<ReplicaEntry> Silent
    {
        get
        {
            var heard = Latest.Select(r => r.Replica).ToHashSet();
            return [.. replica.View.State.Replicas.Where(r => !r.Forgotten && !heard.Contains(r.Id))];
        }
    }

    /// <summary>
    /// Names of replicas that cannot be asked to give leases back: they are silent, have not applied the routing state,
    /// or are forgotten and may still be at work. While there are any, no version is closed: sessions of which they
    /// hold leases could neither move up nor stay.
    /// </summary>
    public IReadOnlyList<string> Unreachable
    {
        get
        {
            var state = replica.View.State;
            return
            [
                .. state.Behind(state.Revision).Union(state.Replicas.Where(r => r.Forgotten).Select(r => r.Name))
                    .Union(Silent.Select(r => r.Name)),
            ];
        }
    }

    /// <summary>
    /// Lets one that has just started or is just applying a change answer, for two seconds at most.
    /// </summary>
    /// <exception cref="Pins.StoreUnavailableException">Nothing can be heard.</exception>
    public async Task UntilAllAnswerAsync(CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        while (Unreachable.Count > 0 && time.GetElapsedTime(started) < Patience)
        {
            await ExchangeAsync(cancellation);
            await Task.Delay(LookAgain, time, cancellation);
        }
    }

    private ReplicaReport[] Of(bool isStale)
    {
        var registered = replica.View.State.Replicas.Select(r => r.Id).ToHashSet();
        return
        [
            .. Volatile.Read(ref _seen).Values
                .Where(s => registered.Contains(s.Report.Replica)
                    && time.GetElapsedTime(s.At) >= StaleAfter == isStale)
                .Select(s => s.Report).OrderBy(r => r.Replica),
        ];
    }

    /// <summary>Writes and reads now, beside the rhythm.</summary>
    public async Task ExchangeAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await store.WriteAsync(Own());
            var known = Volatile.Read(ref _seen);
            var all = await store.ReadAsync();
            var now = time.GetTimestamp();
            Volatile.Write(ref _seen, all.ToImmutableDictionary(r => r.Replica, r =>
                known.TryGetValue(r.Replica, out var seen) && seen.Report.Number == r.Number
                    ? seen
                    : new Seen(r, now)));
            await RemoveGoneAsync(all);
        }
        finally
        {
            _one.Release();
        }
    }

    // A registration that this replica has not heard of yet is not gone.
    private async Task RemoveGoneAsync(IReadOnlyList<ReplicaReport> all)
    {
        var state = replica.View.State;
        var gone = all.Select(r => r.Replica)
            .Where(id => id < state.NextReplica && state.Replicas.All(r => r.Id != id)).ToArray();
        if (gone.Length > 0)
            await store.RemoveAsync(gone);
    }

    /// <summary>What this replica would report of its instances now.</summary>
    public IReadOnlyList<InstanceReport> CountInstances()
    {
        // Before the requests are looked at: what is decided later does not go to what it drains.
        var state = replica.View.State;
        return CountInstances(state, inFlight.Snapshot());
    }

    private InstanceReport[] CountInstances(RoutingState state, List<GatewayRequest> requests)
    {
        var counted = recorder.All;
        return
        [
            .. IdsOf(state).Select(id => new InstanceReport(
                id,
                requests.Count(r => r.MayBeAt(id)),
                requests.Count(r => r.InstanceId == id && r.IsUpgraded),
                counted.Where(c => c.Instance == id).Sum(c => c.Requests),
                connections.Count(id),
                state.DrainOf(id))),
        ];
    }

    // One that is draining is told of also by a replica in whose configuration it does not stand any more.
    private IEnumerable<string> IdsOf(RoutingState state) => instances.All.Select(i => i.Id)
        .Union(state.Instances.Where(o => o.Draining).Select(o => o.Id), StringComparer.OrdinalIgnoreCase)
        .Order(StringComparer.Ordinal);

    private ReplicaReport Own()
    {
        var state = replica.View.State;
        var requests = inFlight.Snapshot();
        var counted = recorder.All;
        return new ReplicaReport(
            replica.Id, ++_number, time.GetUtcNow(), CountInstances(state, requests),
            [
                .. state.Versions.Where(v => v.Status is VersionStatus.Active or VersionStatus.Registered)
                    .Select(v => Version(v.Version, requests, counted)),
            ],
            metrics.RefusalCount, metrics.ViolationCount, metrics.MigrationCount);
    }

    private static VersionReport Version(
        VersionId version, List<GatewayRequest> requests, IReadOnlyCollection<InstanceMetrics> counted)
    {
        var name = version.ToString();
        var own = counted.Where(c => c.Version == name).ToArray();
        var durations = new long[GatewayMetrics.DurationBounds.Count + 1];
        foreach (var instance in own)
            instance.AddDurations(durations);
        return new VersionReport(
            version, requests.Count(r => r.InstanceId is not null && r.Version == version),
            own.Sum(c => c.Requests), own.Sum(c => c.ServerErrors), durations);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (replica.CanServe)
                    await ExchangeAsync(stoppingToken);
            }
            catch (StoreUnavailableException)
            {
                // The others see that this replica is silent, and this one sees nothing of them.
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            Exchanged?.Invoke();
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

    private sealed record Seen(ReplicaReport Report, long At);
}
