using System.Globalization;
using IamGateway.Configuration;
using IamGateway.Reports;

namespace IamGateway.Admin;

/// <summary>GET /api/v1/history: columns of equal length, as charts want them.</summary>
/// <param name="Interval">Seconds between two points.</param>
/// <param name="At">The end of each interval in seconds since 1970.</param>
/// <param name="Refusals">Requests refused a second.</param>
/// <param name="Migrations">Sessions moved up a second.</param>
/// <param name="TotalRefusals">Of all replicas since their processes began.</param>
/// <param name="TotalViolations">
/// Of all replicas since their processes began; must stay 0. Null: no response says which version made it
/// (Versions:Discovery:ResponseHeader is not set), so that nothing would show one.
/// </param>
internal sealed record HistoryReply(
    double Interval, IReadOnlyList<double> At, IReadOnlyList<double> Refusals, IReadOnlyList<double> Migrations,
    IReadOnlyList<VersionHistoryReply> Versions, long TotalRefusals, long? TotalViolations);

/// <summary>Null: the version was not active then, or there was no request to tell by.</summary>
/// <param name="Requests">Requests answered a second.</param>
/// <param name="Errors">Share of them that ended in a server error.</param>
/// <param name="P50">Median of their durations in seconds.</param>
/// <param name="P99">99th percentile in seconds.</param>
internal sealed record VersionHistoryReply(
    string Version, IReadOnlyList<int?> Weight, IReadOnlyList<long?> Sessions, IReadOnlyList<double?> Requests,
    IReadOnlyList<double?> Errors, IReadOnlyList<double?> P50, IReadOnlyList<double?> P99);

internal static class HistoryApi
{
    public static void MapHistory(this IEndpointRouteBuilder api) => api.MapGet(
        "/history",
        (History history, GatewaySettings settings, string? after) =>
        {
            var start = 0.0;
            if (after is not null
                && !double.TryParse(after, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out start))
                return AdminProblems.BadField("after must be seconds since 1970, as \"at\" shows them.");
            return Results.Ok(Reply(history, settings.Options.Versions.Discovery.ResponseHeader is not null, start));
        }).RequireAuthorization(AdminAuthentication.Viewer).Produces<HistoryReply>().ProducesProblem(400)
        .WithSummary("The last hour of all replicas in points of five seconds, since this replica began.");

    private static HistoryReply Reply(History history, bool isMeasured, double after)
    {
        var points = history.Points.Where(p => Seconds(p.At) > after).ToArray();
        var versions = points.SelectMany(p => p.Versions.Select(v => v.Version)).Distinct().Order();
        return new HistoryReply(
            History.Interval.TotalSeconds, [.. points.Select(p => Seconds(p.At))],
            [.. points.Select(p => Rounded(p.Refusals / p.Seconds))],
            [.. points.Select(p => Rounded(p.Migrations / p.Seconds))],
            [.. versions.Select(v => Version(v, points))], history.Refusals,
            isMeasured || history.Violations > 0 ? history.Violations : null);
    }

    private static VersionHistoryReply Version(VersionId version, HistoryPoint[] points)
    {
        var own = points.Select(p => (p.Seconds, Point: p.Versions.FirstOrDefault(v => v.Version == version)))
            .ToArray();
        return new VersionHistoryReply(
            version.ToString(), [.. own.Select(p => p.Point?.Weight)], [.. own.Select(p => p.Point?.Sessions)],
            [.. own.Select(p => Rounded(p.Point?.Requests / p.Seconds))],
            [.. own.Select(p => Rounded(OfRequests(p.Point, v => (double)v.Errors / v.Requests)))],
            [.. own.Select(p => Rounded(OfRequests(p.Point, v => v.P50)))],
            [.. own.Select(p => Rounded(OfRequests(p.Point, v => v.P99)))]);
    }

    private static double? OfRequests(VersionPoint? point, Func<VersionPoint, double> figure) =>
        point is { Requests: > 0 } ? figure(point) : null;

    private static double Seconds(DateTimeOffset at) => at.ToUnixTimeMilliseconds() / 1000.0;

    private static double Rounded(double value) => Math.Round(value, 5);

    private static double? Rounded(double? value) => value is { } number ? Rounded(number) : null;
}
