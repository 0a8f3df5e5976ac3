using System.Diagnostics;
using IamGateway.Forwarding;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Recording;

/// <summary>
/// The span of a request (OpenTelemetry, HTTP semantic conventions). Neither path nor query is part of it: session
/// handles may stand in both. The instance continues it by <c>traceparent</c>.
/// </summary>
internal static class RequestSpan
{
    public const string SourceName = "IamGateway";

    private static readonly ActivitySource Source = new(
        SourceName, typeof(RequestSpan).Assembly.GetName().Version?.ToString(3));

    /// <summary>Null: nobody listens, or the request is not sampled.</summary>
    public static Activity? Start(HttpContext http)
    {
        if (!Source.HasListeners())
            return null;
        var headers = http.Request.Headers;
        ActivityContext.TryParse(headers.TraceParent, headers.TraceState, isRemote: true, out var caller);
        var method = MethodOf(http.Request.Method);
        var route = http.GetReverseProxyFeature().Route.Config.RouteId;
        var span = Source.StartActivity($"{method} {route}", ActivityKind.Server, caller);
        if (span is { IsAllDataRequested: true })
            span.SetTag("http.request.method", method).SetTag("iamgateway.route", route);
        return span;
    }

    /// <summary>An unknown method may be any text, so it is not named.</summary>
    public static string MethodOf(string method) =>
        HttpMethods.IsGet(method) ? "GET"
        : HttpMethods.IsPost(method) ? "POST"
        : HttpMethods.IsPut(method) ? "PUT"
        : HttpMethods.IsDelete(method) ? "DELETE"
        : HttpMethods.IsHead(method) ? "HEAD"
        : HttpMethods.IsOptions(method) ? "OPTIONS"
        : HttpMethods.IsPatch(method) ? "PATCH"
        : HttpMethods.IsConnect(method) ? "CONNECT"
        : HttpMethods.IsTrace(method) ? "TRACE"
        : "_OTHER";

    public static void Stop(Activity span, in RequestFacts facts)
    {
        if (span.IsAllDataRequested)
        {
            span.SetTag("http.response.status_code", facts.Status)
                .SetTag("iamgateway.session", facts.Session)
                .SetTag("iamgateway.version", facts.Version)
                .SetTag("iamgateway.instance", facts.Instance)
                .SetTag("iamgateway.decision", facts.Decision)
                .SetTag("iamgateway.store.duration", facts.Store.TotalSeconds)
                .SetTag("iamgateway.barrier.duration", facts.Barrier.TotalSeconds);
            if (facts.Repeats > 0)
                span.SetTag("http.request.resend_count", facts.Repeats);
            if (facts.Refusal is { } refusal)
                span.SetTag("iamgateway.refusal", refusal);
            if (facts.HasFailed)
            {
                span.SetStatus(ActivityStatusCode.Error);
                span.SetTag("error.type", facts.Refusal ?? $"{facts.Status}");
            }
        }

        span.Dispose();
    }
}
