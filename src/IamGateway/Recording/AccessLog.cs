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
        if (request.HandleCount == 0)
            return path;
        var segments = path.Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            if (IsHandle(segments[i], request))
                segments[i] = Hidden;
        }

        return string.Join('/', segments);
    }

    // As the rule reads it, and what the rule takes out of it.
    private bool IsHandle(string segment, GatewayRequest request)
    {
        for (var i = 0; i < request.HandleCount && segment.Length > 0; i++)
        {
            var (known, index) = request[i];
            var rule = settings.Sessions.All[index];
            if (SessionRules.TryKey(segment, rule, request.Secret!, out var key) && key == known
                || rule.Extractor is not null && SessionKey.Of(request.Secret, rule.Name, segment) == known)
                return true;
        }

        return false;
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
