using IamGateway.Recording;
using IamGateway.Reports;
using IamGateway.Tests.Routing;

namespace IamGateway.Tests.Reports;

internal static class SomeReports
{
    public static ReplicaReport Of(long replica, long number) => new(
        replica, number, States.Now,
        [new InstanceReport("old-1", 3, 1, 40), new InstanceReport("new-1", 0, 0, 0)],
        [Version(States.V1, 40, 2), Version(States.V2, 0, 0)],
        5, 0);

    /// <summary>All of these requests took less than a millisecond.</summary>
    public static VersionReport Version(VersionId version, long requests, long errors)
    {
        var durations = new long[GatewayMetrics.DurationBounds.Count + 1];
        durations[0] = requests;
        return new VersionReport(version, 0, requests, errors, durations);
    }
}
