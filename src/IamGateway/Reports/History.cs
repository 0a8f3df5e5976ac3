using System.Collections.Immutable;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Rollouts;
using IamGateway.Routing;

namespace IamGateway.Reports;

/// <summary>
/// The last hour in points of five seconds, from the reports of all replicas. In memory, so that a replica that was
/// just started has only what came since; Prometheus is for more.
/// </summary>
internal sealed class History : IDisposable
{
    public const int MaxPoints = 720;
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private readonly ReplicaReports _reports;
    private readonly Replica _replica;
    private readonly SessionCensus _census;
    private readonly TimeProvider _time;
    private ImmutableQueue<HistoryPoint> _points = [];
    private int _count;
    private Dictionary<long, ReplicaReport>? _last;
    private long _lastAt;
    private long _nextReplica;

    public History(ReplicaReports reports, Replica replica, SessionCensus census, TimeProvider time)
    {
        (_reports, _replica, _census, _time) = (reports, replica, census, time);
        reports.Exchanged += Look;
    }

    /// <summary>All points, oldest first.</summary>
    public IEnumerable<HistoryPoint> Points => Volatile.Read(ref _points);

    /// <summary>Refusals of all registered replicas since their processes began.</summary>
    public long Refusals => _reports.Known.Sum(r => r.Refusals);

    /// <summary>Violations of all registered replicas since their processes began.</summary>
    public long Violations => _reports.Known.Sum(r => r.Violations);

    /// <summary>Makes the next point if its time has come; called once a second.</summary>
    public void Look()
    {
        if (!_replica.HasView || _last is not null && _time.GetElapsedTime(_lastAt) < Interval)
            return;
        var state = _replica.View.State;
        var (now, at) = (_reports.Known.ToDictionary(r => r.Replica), _time.GetTimestamp());
        if (_last is not null)
            Add(Point(state, now, _time.GetElapsedTime(_lastAt, at).TotalSeconds));
        // What a replica that is not heard of for a while counts meanwhile belongs to the point that it is back in.
        foreach (var (id, report) in _last ?? [])
        {
            if (state.Replicas.Any(r => r.Id == id))
                now.TryAdd(id, report);
        }

        (_last, _lastAt, _nextReplica) = (now, at, state.NextReplica);
    }

    private void Add(HistoryPoint point)
    {
        var points = _points.Enqueue(point);
        if (++_count > MaxPoints)
        {
            points = points.Dequeue();
            _count--;
        }

        Volatile.Write(ref _points, points);
    }

    private HistoryPoint Point(RoutingState state, Dictionary<long, ReplicaReport> now, double seconds)
    {
        // A replica that was there before and not heard of: which of its requests are of this interval is not known.
        var counted = now.Values.Select(r => (Now: r, Before: _last!.GetValueOrDefault(r.Replica)))
            .Where(r => r.Before is not null || r.Now.Replica >= _nextReplica).ToArray();
        return new HistoryPoint(
            _time.GetUtcNow(), seconds,
            counted.Sum(r => r.Now.Refusals - (r.Before?.Refusals ?? 0)),
            counted.Sum(r => r.Now.Violations - (r.Before?.Violations ?? 0)),
            counted.Sum(r => r.Now.Migrations - (r.Before?.Migrations ?? 0)),
            [.. state.Active.Select(v => Version(v, counted))]);
    }

    private VersionPoint Version(VersionEntry version, (ReplicaReport Now, ReplicaReport? Before)[] counted)
    {
        var (requests, errors) = (0L, 0L);
        var durations = new long[GatewayMetrics.DurationBounds.Count + 1];
        foreach (var (report, before) in counted)
        {
            if (report.Version(version.Version) is not { } now)
                continue;
            var start = before?.Version(version.Version);
            requests += now.Requests - (start?.Requests ?? 0);
            errors += now.ServerErrors - (start?.ServerErrors ?? 0);
            // A replica of another release may have other buckets.
            for (var i = 0; i < Math.Min(durations.Length, now.Durations.Count); i++)
                durations[i] += now.Durations[i] - (i < start?.Durations.Count ? start.Durations[i] : 0);
        }

        return new VersionPoint(
            version.Version, version.Weight, _census.Of(version), requests, errors,
            Measurements.Quantile(durations, 0.5), Measurements.P99(durations));
    }

    public void Dispose() => _reports.Exchanged -= Look;
}
