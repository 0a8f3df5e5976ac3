using System.Buffers;
using IamGateway.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IamGateway.Edge;

/// <summary>
/// Refuses requests that the server accepts and another one may read as different or as more requests (RFC 9112,
/// sections 2.2, 6.1 and 6.3; RFC 9113, section 8.2): nothing of them is forwarded.
/// </summary>
internal sealed class AmbiguousRequests(GatewayMetrics metrics)
{
    // Where the server keeps the length of a request that came with both a length and chunks.
    private const string SuppressedLength = "X-Content-Length";

    private const string LineFeedSwitch = "Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators";

    // Of a connection of HTTP/1.1 only.
    private static readonly string[] NotInHttp2 =
        ["Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade"];

    private static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>Lines end with CR LF only, in all listeners of this process.</summary>
    public static void RefuseLineFeeds() => AppContext.SetSwitch(LineFeedSwitch, true);

    /// <summary>False: the request is refused, and its answer is set.</summary>
    public bool IsClear(HttpContext http)
    {
        var isHttp1 = HttpProtocol.IsHttp11(http.Request.Protocol) || HttpProtocol.IsHttp10(http.Request.Protocol);
        var raw = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if ((isHttp1 ? IsFramedOnce(http.Request) : IsFieldByField(http.Request.Headers))
            && !raw.AsSpan().ContainsAnyInRange('\0', ' ') && !raw.Contains('\x7f'))
            return true;
        metrics.Rejected("malformed");
        http.Response.StatusCode = StatusCodes.Status400BadRequest;
        // What follows may be no request.
        if (isHttp1)
            http.Response.Headers.Connection = "close";
        return false;
    }

    // A coding besides chunks would be lost on the way, and some servers count chunked only when it stands alone.
    // After CONNECT the rest of the connection is no request any more; an empty Host would go on beside the instance's.
    private static bool IsFramedOnce(HttpRequest request) => !HttpMethods.IsConnect(request.Method)
        && request.Headers.Host is not [""]
        && (request.Headers.TransferEncoding.Count == 0
            || request.Headers.TransferEncoding is [var coding]
                && string.Equals(coding, "chunked", StringComparison.OrdinalIgnoreCase)
                && HttpProtocol.IsHttp11(request.Protocol) && !request.Headers.ContainsKey(SuppressedLength));

    private static bool IsFieldByField(IHeaderDictionary headers)
    {
        foreach (var name in NotInHttp2)
        {
            if (headers.ContainsKey(name))
                return false;
        }

        foreach (var header in headers)
        {
            if (header.Key.AsSpan().ContainsAnyExcept(Token))
                return false;
        }

        return true;
    }
}
