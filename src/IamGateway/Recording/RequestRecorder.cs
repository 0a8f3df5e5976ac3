using System.Collections.Concurrent;
using IamGateway.Forwarding;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Recording;

/// <summary>Counts each request once, and says what became of it, on every way out.</summary>
internal sealed class RequestRecorder(GatewayMetrics metrics, AccessLog accessLog, TimeProvider time)
{
    private readonly ConcurrentDictionary<(string Instance, VersionId Version), InstanceMetrics> _instances = new();

    /// <summary>What was counted since the process started, for each instance under each version it had.</summary>
    public IReadOnlyCollection<InstanceMetrics> All => [.. _instances.Values];

    /// <summary>Notes that the request is about to be sent.</summary>
    public InstanceMetrics For(string instance, VersionId version) =>
        _instances.TryGetValue((instance, version), out var found)
            ? found
            : _instances.GetOrAdd((instance, version), k => metrics.ForInstance(k.Version.ToString(), k.Instance));

    public void Record(HttpContext http, GatewayRequest request)
    {
        var status = http.Response.StatusCode;
        var elapsed = time.GetElapsedTime(request.StartedAt);
        if (request.Ignored != IgnoredHandles.None)
            metrics.HandlesIgnored(request.Ignored);
        if (request.Refusal != RefusalCode.None)
            metrics.Refused(request.Refusal, status);
        request.Counted?.Record(request.Decision, status, elapsed.TotalSeconds);
        if (request.Span is null && !accessLog.IsOn)
            return;
        var facts = RequestFacts.Of(request, status, elapsed);
        if (accessLog.IsOn)
            accessLog.Write(http, request, facts);
        if (request.Span is { } span)
            RequestSpan.Stop(span, facts);
    }
}
