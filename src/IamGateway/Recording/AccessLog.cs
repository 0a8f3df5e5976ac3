using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Recording;

/// <summary>
/// One line a request, for a share of them; those that failed are all logged. A path ends before its parameters
/// (RFC 3986, section 3.3), since servlet containers put session handles there, and a segment that is one of the
/// request's handles is left out.
/// </summary>
internal sealed partial class AccessLog(GatewaySettings settings, ILoggerFactory loggers)
{
    private const string None = "-";
    private const string Hidden = "*";
    private readonly double _share = settings.Options.AccessLog.Share;
    private readonly ILogger _logger = loggers.CreateLogger("IamGateway.Access");

    public bool IsOn => _share > 0 && _logger.IsEnabled(LogLevel.Information);

    /// <summary>Evenly spread over the requests, without a draw.</summary>
    public static bool IsInShare(long number, double share) =>
        Math.Floor(number * share) > Math.Floor((number - 1) * share);

    public void Write(HttpContext http, GatewayRequest request, in RequestFacts facts)
    {
        if (!facts.HasFailed && !IsInShare(request.Number, _share))
            return;
        Request(
            _logger, http.Connection.RemoteIpAddress?.ToString() ?? None, RequestSpan.MethodOf(http.Request.Method),
            PathOf(http.Request.Path.Value ?? "", request), facts.Status, facts.Duration.TotalMilliseconds,
            facts.Session ?? None, facts.Version ?? None, facts.Instance ?? None, facts.Decision, facts.Refusal ?? None,
            facts.Store.TotalMilliseconds, facts.Barrier.TotalMilliseconds, facts.Repeats,
            TraceParent.TraceIdOf(request.TraceParent) ?? None);
    }

    private string PathOf(string path, GatewayRequest request)
    {
        var parameters = path.IndexOf(';');
        if (parameters >= 0)
            path = path[..parameters];
        if (request.HandleCount == 0 && request.Stripped is null)
            return path;
        var segments = path.Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            if (IsHandle(segments[i], request))
                segments[i] = Hidden;
        }

        return string.Join('/', segments);
    }

    private bool IsHandle(string segment, GatewayRequest request)
    {
        if (segment.Length == 0)
            return false;
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (IsOf(request[i], segment, request.Secret!))
                return true;
        }

        return request.Stripped?.Exists(h => IsOf(h, segment, request.Secret!)) == true;
    }

    // As the rule reads it, and what the rule takes out of it.
    private bool IsOf(Handle handle, string segment, byte[] secret)
    {
        var rule = settings.Sessions.All[handle.Rule];
        return SessionRules.TryKey(segment, rule, secret, out var key) && key == handle.Key
            || rule.Extractor is not null && SessionKey.Of(secret, rule.Name, segment) == handle.Key;
    }

    [LoggerMessage(
        7000, LogLevel.Information,
        "{Client} {Method} {Path} {Status} {DurationMs:0.0} ms session={Session} version={Version} "
        + "instance={Instance} decision={Decision} refusal={Refusal} store={StoreMs:0.0} ms barrier={BarrierMs:0.0} ms "
        + "repeats={Repeats} trace={TraceId}")]
    private static partial void Request(
        ILogger logger, string client, string method, string path, int status, double durationMs, string session,
        string version, string instance, string decision, string refusal, double storeMs, double barrierMs,
        int repeats, string traceId);
}
