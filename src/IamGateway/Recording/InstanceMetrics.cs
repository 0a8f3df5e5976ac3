using IamGateway.Forwarding;
using Prometheus;

namespace IamGateway.Recording;

/// <summary>What is counted per request for one instance; no label is looked up on the way.</summary>
internal sealed class InstanceMetrics(
    GatewayMetrics metrics, string version, string instance, Gauge.Child inFlight, Histogram.Child duration)
{
    private const int ServerError = 4;
    private static readonly string[] Codes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    private readonly Counter.Child?[] _requests = new Counter.Child?[Codes.Length * 8];

    // The histogram's own counts cannot be read.
    private readonly long[] _durations = new long[GatewayMetrics.DurationBounds.Count + 1];

    private int _inFlight;

    public string Version { get; } = version;

    public string Instance { get; } = instance;

    /// <summary>A request is about to be sent to it. Returns how many are there with it.</summary>
    public int Enter() => Interlocked.Increment(ref _inFlight);

    /// <summary>It is done with one of them, or the gateway waits for it no more. Returns how many are left.</summary>
    public int Leave() => Interlocked.Decrement(ref _inFlight);

    /// <summary>Shows in the gauge how many requests are there.</summary>
    public void ShowInFlight() => inFlight.Set(Volatile.Read(ref _inFlight));

    /// <summary>Requests that it has answered; an answer that the gateway withheld is none.</summary>
    public long Requests => Enumerable.Range(0, Codes.Length).Sum(Sum);

    public long ServerErrors => Sum(ServerError);

    public void Record(Decision decision, int status, double seconds)
    {
        var code = Math.Clamp(status / 100 - 1, 0, Codes.Length - 1);
        ref var child = ref _requests[code * 8 + (int)decision];
        child ??= metrics.Requests(Version, Instance, Codes[code], GatewayMetrics.Label(decision));
        child.Inc();
        duration.Observe(seconds);
        // A connection that is open for hours is no slow answer.
        if (status != StatusCodes.Status101SwitchingProtocols && decision != Decision.Refused)
            Interlocked.Increment(ref _durations[Bucket(seconds)]);
    }

    public void AddDurations(long[] sums)
    {
        for (var i = 0; i < sums.Length; i++)
            sums[i] += Interlocked.Read(ref _durations[i]);
    }

    private static int Bucket(double seconds)
    {
        var bounds = GatewayMetrics.DurationBounds;
        var bucket = 0;
        while (bucket < bounds.Count && seconds > bounds[bucket])
            bucket++;
        return bucket;
    }

    private long Sum(int code)
    {
        var sum = 0L;
        foreach (var decision in Enum.GetValues<Decision>())
        {
            if (decision != Decision.Refused)
                sum += (long)(_requests[code * 8 + (int)decision]?.Value ?? 0);
        }

        return sum;
    }
}
