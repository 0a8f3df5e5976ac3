using IamGateway.Pins;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>Takes the handles of ended sessions out of a request, so that the user starts afresh.</summary>
internal static class StrippedHandles
{
    /// <summary>Removes cookies and headers; a handle that stands elsewhere cannot be removed and is refused.</summary>
    public static void Remove(HttpContext http, GatewayRequest request, SessionRules rules)
    {
        foreach (var handle in request.Stripped!)
        {
            var rule = rules.All[handle.Rule];
            switch (rule.Source)
            {
                case HandleSource.Cookie:
                    http.Request.Headers.Cookie = WithoutCookie(http.Request.Headers.Cookie, rule.SourceName!);
                    break;
                case HandleSource.Header:
                    http.Request.Headers.Remove(rule.SourceName!);
                    break;
                default:
                    SessionRouter.Refuse(request, RefusalCode.VersionRevoked);
                    return;
            }
        }
    }

    /// <summary>Expires the cookies of ended sessions, unless the response sets them anew.</summary>
    public static void Expire(HttpContext http, GatewayRequest request, SessionRules rules, DateTimeOffset now)
    {
        foreach (var handle in request.Stripped!)
        {
            var rule = rules.All[handle.Rule];
            if (rule.Source != HandleSource.Cookie || IsSet(http.Response.Headers.SetCookie, rule.SourceName!, now))
                continue;
            var path = rule.Path.HasValue ? rule.Path.Value : "/";
            http.Response.Headers.Append(
                "Set-Cookie", $"{rule.SourceName}=; Path={path}; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0");
        }
    }

    private static bool IsSet(Microsoft.Extensions.Primitives.StringValues headers, string name, DateTimeOffset now)
    {
        foreach (var header in headers)
        {
            if (SetCookieHeader.TryParse(header, now, out var cookie) && cookie.Name.SequenceEqual(name))
                return true;
        }

        return false;
    }

    private static string? WithoutCookie(Microsoft.Extensions.Primitives.StringValues headers, string name) =>
        CookieHeader.Without(string.Join("; ", headers.AsEnumerable()), n => n.SequenceEqual(name));
}
