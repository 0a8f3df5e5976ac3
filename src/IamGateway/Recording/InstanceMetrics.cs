using IamGateway.Forwarding;
using Prometheus;

namespace IamGateway.Recording;

/// <summary>What is counted per request for one instance; no label is looked up on the way.</summary>
internal sealed class InstanceMetrics(
    GatewayMetrics metrics, string version, string instance, Gauge.Child inFlight, Histogram.Child duration)
{
    private static readonly string[] Codes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    private readonly Counter.Child?[] _requests = new Counter.Child?[Codes.Length * 8];

    public string Version { get; } = version;

    public Gauge.Child InFlight { get; } = inFlight;

    public void Record(Decision decision, int status, double seconds)
    {
        var code = Math.Clamp(status / 100 - 1, 0, Codes.Length - 1);
        ref var child = ref _requests[code * 8 + (int)decision];
        child ??= metrics.Requests(Version, instance, Codes[code], GatewayMetrics.Label(decision));
        child.Inc();
        duration.Observe(seconds);
    }
}
