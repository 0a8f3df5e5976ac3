using System.Buffers;
using IamGateway.Configuration;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Edge;

/// <summary>
/// Takes out of a request what only a proxy in front may say: who the client is, and which certificate it has shown.
/// An IAM may believe these without asking who sent them. X-Forwarded-For, -Proto, -Host and -Prefix are YARP's, which
/// writes them anew.
/// </summary>
internal sealed class ForeignHeaders(Peers peers, GatewaySettings settings)
{
    // Airlock Gateway hands data on to applications behind it in cookies that are named so.
    private const string EnvironmentCookies = "AL_ENV_";

    // ASP.NET keeps in these what it has replaced of a trusted peer.
    private static readonly string[] Replaced = ["X-Original-For", "X-Original-Host", "X-Original-Proto"];

    private readonly string[] _names =
    [
        .. Replaced,
        "Forwarded", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Scheme",
        "X-Forwarded-Client-Cert", "X-Real-IP", "X-Client-IP", "True-Client-IP", "X-Original-URL", "X-Rewrite-URL",
        "Client-Cert", "Client-Cert-Chain", "SSL-Client-Cert", "X-SSL-Client-Cert",
        .. settings.Options.Edge.RemoveHeaders,
    ];

    private readonly string[] _cookies = Cookies(settings);

    private readonly SearchValues<string> _anyCookie = SearchValues.Create(
        Cookies(settings), StringComparison.OrdinalIgnoreCase);

    private static string[] Cookies(GatewaySettings settings) =>
        [EnvironmentCookies, .. settings.Options.Edge.RemoveCookies];

    public static void RemoveReplaced(HttpContext http)
    {
        foreach (var name in Replaced)
            http.Request.Headers.Remove(name);
    }

    public void Remove(HttpContext http)
    {
        var headers = http.Request.Headers;
        if (peers.IsTrusted(http.Connection.RemoteIpAddress))
            return;
        foreach (var name in _names)
            headers.Remove(name);
        foreach (var header in headers.Cookie)
        {
            if (!header.AsSpan().ContainsAny(_anyCookie))
                continue;
            headers.Cookie = CookieHeader.Without(string.Join("; ", headers.Cookie.AsEnumerable()), IsOne);
            return;
        }
    }

    private bool IsOne(ReadOnlySpan<char> name)
    {
        foreach (var prefix in _cookies)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}
