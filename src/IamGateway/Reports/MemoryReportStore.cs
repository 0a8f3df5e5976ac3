using System.Collections.Concurrent;

namespace IamGateway.Reports;

/// <summary>The embedded store's reports.</summary>
internal sealed class MemoryReportStore : IReportStore
{
    private readonly ConcurrentDictionary<long, ReplicaReport> _reports = new();

    public ValueTask WriteAsync(ReplicaReport report)
    {
        _reports[report.Replica] = report;
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<ReplicaReport>> ReadAsync() =>
        new([.. _reports.Values.OrderBy(r => r.Replica)]);

    public ValueTask RemoveAsync(IReadOnlyCollection<long> replicas)
    {
        foreach (var replica in replicas)
            _reports.TryRemove(replica, out _);
        return ValueTask.CompletedTask;
    }
}
