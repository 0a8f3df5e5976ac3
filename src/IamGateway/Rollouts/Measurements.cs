using System.Collections.Immutable;
using IamGateway.Recording;
using IamGateway.Reports;

namespace IamGateway.Rollouts;

/// <summary>From where on requests count: the replicas' reports at that moment.</summary>
/// <param name="NextReplica">Registrations from this one on are later and count from their beginning.</param>
/// <param name="Reports">With the figures of the two versions only.</param>
internal sealed record MeasuringStart(long NextReplica, ImmutableArray<ReplicaReport> Reports)
{
    public static MeasuringStart Of(
        long nextReplica, IEnumerable<ReplicaReport> reports, VersionId old, VersionId @new) => new(
            nextReplica,
            [
                .. reports.Select(r => r with
                {
                    Instances = [],
                    Versions = [.. r.Versions.Where(v => v.Version == old || v.Version == @new)],
                }),
            ]);
}

/// <param name="Requests">Requests that instances of the version have answered.</param>
/// <param name="ErrorRate">Share of them that ended in a server error.</param>
/// <param name="P99">The 99th percentile of their durations in seconds; 0 without requests.</param>
internal sealed record VersionFigures(VersionId Version, long Requests, double ErrorRate, double P99);

/// <summary>What all replicas have counted together since a moment.</summary>
internal sealed record Measurements(VersionFigures Old, VersionFigures New, long Refusals, long Violations)
{
    public static Measurements None(VersionId old, VersionId @new) =>
        new(new VersionFigures(old, 0, 0, 0), new VersionFigures(@new, 0, 0, 0), 0, 0);

    public static Measurements Of(
        MeasuringStart since, IReadOnlyList<ReplicaReport> reports, VersionId old, VersionId @new)
    {
        var (refusals, violations) = (0L, 0L);
        var counts = new Dictionary<VersionId, Counts> { [old] = new(), [@new] = new() };
        foreach (var report in reports)
        {
            var start = since.Reports.FirstOrDefault(r => r.Replica == report.Replica);
            // A replica that was there at the start and silent: which of its requests are of before cannot be known.
            if (start is null && report.Replica < since.NextReplica)
                continue;
            refusals += report.Refusals - (start?.Refusals ?? 0);
            violations += report.Violations - (start?.Violations ?? 0);
            foreach (var (version, sum) in counts)
                sum.Add(report.Version(version), start?.Version(version));
        }

        return new Measurements(counts[old].Figures(old), counts[@new].Figures(@new), refusals, violations);
    }

    /// <summary>
    /// The value below which 99 % of the counted durations are, taken as evenly spread in each bucket.
    /// </summary>
    public static double P99(IReadOnlyList<long> durations) => Quantile(durations, 0.99);

    /// <summary>The same of another share than 99 %.</summary>
    public static double Quantile(IReadOnlyList<long> durations, double share)
    {
        var bounds = GatewayMetrics.DurationBounds;
        var rank = durations.Sum() * share;
        var below = 0L;
        for (var i = 0; i < bounds.Count && rank > 0; i++)
        {
            if (below + durations[i] >= rank)
            {
                var low = i == 0 ? 0 : bounds[i - 1];
                return low + (bounds[i] - low) * (rank - below) / durations[i];
            }

            below += durations[i];
        }

        return rank > 0 ? bounds[^1] : 0;
    }

    private sealed class Counts
    {
        private readonly long[] _durations = new long[GatewayMetrics.DurationBounds.Count + 1];
        private long _requests;
        private long _errors;

        public void Add(VersionReport? now, VersionReport? start)
        {
            if (now is null)
                return;
            _requests += now.Requests - (start?.Requests ?? 0);
            _errors += now.ServerErrors - (start?.ServerErrors ?? 0);
            // A replica of another release may have other buckets.
            for (var i = 0; i < Math.Min(_durations.Length, now.Durations.Count); i++)
                _durations[i] += now.Durations[i] - (i < start?.Durations.Count ? start.Durations[i] : 0);
        }

        public VersionFigures Figures(VersionId version) =>
            new(version, _requests, _requests == 0 ? 0 : (double)_errors / _requests, P99(_durations));
    }
}
