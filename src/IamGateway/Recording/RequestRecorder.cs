using System.Collections.Concurrent;
using IamGateway.Forwarding;
using IamGateway.Sessions;
using Microsoft.Extensions.Logging;

namespace IamGateway.Recording;

/// <summary>Counts and logs each request once, on every way out.</summary>
internal sealed partial class RequestRecorder(
    GatewayMetrics metrics, TimeProvider time, ILogger<RequestRecorder> logger)
{
    private readonly ConcurrentDictionary<(string Instance, VersionId Version), InstanceMetrics> _instances = new();

    /// <summary>What was counted since the process started, for each instance under each version it had.</summary>
    public IReadOnlyCollection<InstanceMetrics> All => [.. _instances.Values];

    /// <summary>Notes that the request is about to be sent.</summary>
    public InstanceMetrics For(string instance, VersionId version) =>
        _instances.TryGetValue((instance, version), out var found)
            ? found
            : _instances.GetOrAdd((instance, version), k => metrics.ForInstance(k.Version.ToString(), k.Instance));

    public void Record(GatewayRequest request, int status)
    {
        var elapsed = time.GetElapsedTime(request.StartedAt);
        if (request.Ignored != IgnoredHandles.None)
            metrics.HandlesIgnored(request.Ignored);
        if (request.Refusal != RefusalCode.None)
            metrics.Refused(request.Refusal, status);
        if (request.Version is { } version && request.InstanceId is { } instance)
            For(instance, version).Record(request.Decision, status, elapsed.TotalSeconds);
        if (logger.IsEnabled(LogLevel.Debug))
        {
            Log.Request(
                logger, request.HandleCount > 0 ? request[0].Key.ToString()[..8] : "-",
                request.Version?.ToString() ?? "-",
                request.InstanceId ?? "-", GatewayMetrics.Label(request.Decision),
                GatewayMetrics.Label(request.Refusal),
                status, elapsed.TotalMilliseconds, request.StoreTime.TotalMilliseconds,
                request.BarrierTime.TotalMilliseconds);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            7000, LogLevel.Debug,
            "Request of session '{Session}' to '{Version}' at '{Instance}': {Decision} {Refusal} {Status} in "
            + "{Milliseconds} ms (store {StoreMilliseconds}, barrier {BarrierMilliseconds}).")]
        public static partial void Request(
            ILogger logger, string session, string version, string instance, string decision, string refusal,
            int status,
            double milliseconds, double storeMilliseconds, double barrierMilliseconds);
    }
}
