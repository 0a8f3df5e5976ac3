using System.Globalization;

namespace IamGateway.Rollouts;

internal enum Verdict
{
    Passed,
    NotEnough,
    Failed,
}

/// <summary>Compares what was measured with the limits of a rollout.</summary>
internal static class RolloutJudge
{
    /// <summary>
    /// A new version is slow with its first requests. Until the hold is over its latency is judged by so many times
    /// MinRequests only, among which they do not count any more.
    /// </summary>
    private const int EarlyLatency = 10;

    // What the histogram's buckets cannot tell apart.
    private const double SmallestDifference = 0.01;

    public static (Verdict Verdict, string Reason) Of(Measurements measured, RolloutLimits limits, bool isHoldOver)
    {
        var (old, now) = (measured.Old, measured.New);
        if (measured.Violations > 0)
            return (Verdict.Failed, $"{measured.Violations} violations of the guarantee were counted, limit 0");
        var all = old.Requests + now.Requests + measured.Refusals;
        var refusals = all == 0 ? 0 : (double)measured.Refusals / all;
        if (limits.MaxRefusalRate is { } max && measured.Refusals > 0 && all >= limits.MinRequests && refusals > max)
            return (Verdict.Failed, $"refusal rate is {Percent(refusals)} of {all} requests, limit {Percent(max)}");
        if (now.Requests < limits.MinRequests)
            return (Verdict.NotEnough, $"{now.Requests} of {limits.MinRequests} requests of {now.Version}");
        if (now.ErrorRate > limits.MaxErrorRate)
        {
            return (
                Verdict.Failed,
                $"error rate of {now.Version} is {Percent(now.ErrorRate)} of {now.Requests} requests, "
                + $"limit {Percent(limits.MaxErrorRate)}");
        }

        var needed = limits.MinRequests * (isHoldOver ? 1 : EarlyLatency);
        if (now.Requests >= needed && old.Requests > 0 && old.Requests >= limits.MinRequests
            && now.P99 > limits.MaxP99Ratio * old.P99 && now.P99 > old.P99 + SmallestDifference)
        {
            return (
                Verdict.Failed,
                $"p99 of {now.Version} is {Seconds(now.P99)}, {Number(now.P99 / old.P99)} times that of {old.Version} "
                + $"({Seconds(old.P99)}), limit {Number(limits.MaxP99Ratio)} times");
        }

        return (Verdict.Passed, $"{now.Requests} requests of {now.Version} are within the limits");
    }

    private static string Percent(double share) => $"{Number(share * 100)} %";

    private static string Seconds(double value) => value < 1 ? $"{Number(value * 1000)} ms" : $"{Number(value)} s";

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
