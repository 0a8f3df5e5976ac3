using System.Collections.Immutable;

namespace IamGateway.Reports;

/// <summary>What all replicas together did in one interval.</summary>
/// <param name="At">Its end, by this replica's clock.</param>
/// <param name="Seconds">How long it was.</param>
/// <param name="Refusals">Requests that were refused in it.</param>
/// <param name="Violations">Responses in it that showed a session below its pin.</param>
/// <param name="Migrations">Sessions that moved up in it.</param>
internal sealed record HistoryPoint(
    DateTimeOffset At, double Seconds, long Refusals, long Violations, long Migrations,
    ImmutableArray<VersionPoint> Versions);

/// <param name="Version">An active version.</param>
/// <param name="Weight">Its share at the end of the interval, in per cent.</param>
/// <param name="Sessions">Its sessions by the last count.</param>
/// <param name="Requests">Requests that its instances answered in the interval.</param>
/// <param name="Errors">Those of them with a status of 500 or above.</param>
/// <param name="P50">The median of their durations in seconds; 0 without requests.</param>
/// <param name="P99">The 99th percentile.</param>
internal sealed record VersionPoint(
    VersionId Version, int Weight, long Sessions, long Requests, long Errors, double P50, double P99);
