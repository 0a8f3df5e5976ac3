namespace IamGateway.Reports;

/// <summary>What one replica has counted since its process started. Written once a second.</summary>
/// <param name="Replica">Its registration.</param>
/// <param name="Number">Grows with every report, so that a reader sees whether the replica is still there.</param>
/// <param name="At">When, by the replica's clock; for people, never to be compared with another clock.</param>
/// <param name="Instances">All instances it knows of.</param>
/// <param name="Versions">All versions that have not ended.</param>
/// <param name="Refusals">Requests that it refused, but for those of sessions that were ended.</param>
/// <param name="Violations">Responses that showed a session below its pin.</param>
/// <param name="Migrations">Sessions that it has moved up.</param>
internal sealed record ReplicaReport(
    long Replica, long Number, DateTimeOffset At, IReadOnlyList<InstanceReport> Instances,
    IReadOnlyList<VersionReport> Versions, long Refusals, long Violations,
    long Migrations = 0)
{
    public InstanceReport? Instance(string id) => Instances.FirstOrDefault(i => i.Id == id);

    public VersionReport? Version(VersionId version) => Versions.FirstOrDefault(v => v.Version == version);
}

/// <param name="Id">The destination's name.</param>
/// <param name="InFlight">Requests that it may be working on, with those that were cut off and still count.</param>
/// <param name="Upgraded">Those of them that are open upgraded connections.</param>
/// <param name="Requests">Requests it has answered.</param>
/// <param name="Connections">Those in flight that are open upgraded connections or streams of events.</param>
/// <param name="DrainedAt">
/// The revision of the drain that the replica had applied before it counted; null: none.
/// </param>
internal sealed record InstanceReport(
    string Id, int InFlight, int Upgraded, long Requests, int Connections = 0, long? DrainedAt = null);

/// <param name="Version">The version.</param>
/// <param name="InFlight">Requests that its instances may be working on.</param>
/// <param name="Requests">Requests its instances have answered.</param>
/// <param name="ServerErrors">Those of them with a status of 500 or above.</param>
/// <param name="Durations">
/// How many took how long: one count for each bound of the metric's histogram and one for what is above the last.
/// Upgraded connections are not among them.
/// </param>
internal sealed record VersionReport(
    VersionId Version, int InFlight, long Requests, long ServerErrors, IReadOnlyList<long> Durations);
