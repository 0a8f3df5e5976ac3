namespace IamGateway.Reports;

/// <summary>
/// Holds the latest report of every replica. Losing one costs nothing: the next comes within a second.
/// </summary>
internal interface IReportStore
{
    /// <summary>Puts a report in the place of the replica's last one.</summary>
    ValueTask WriteAsync(ReplicaReport report);

    /// <summary>The latest report of each replica, in the order of their registrations.</summary>
    ValueTask<IReadOnlyList<ReplicaReport>> ReadAsync();

    /// <summary>Deletes the reports of replicas that are gone.</summary>
    ValueTask RemoveAsync(IReadOnlyCollection<long> replicas);
}
