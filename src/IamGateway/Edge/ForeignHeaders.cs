using System.Buffers;
using System.Collections.Frozen;
using IamGateway.Configuration;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Edge;

/// <summary>
/// Takes out of a request what only the gateway may say, and what only a proxy in front may say: who the client is, and
/// which certificate it has shown. An IAM may believe these without asking who sent them. X-Forwarded-For, -Proto,
/// -Host and -Prefix are YARP's, which writes them anew.
/// </summary>
internal sealed class ForeignHeaders(Peers peers, GatewaySettings settings)
{
    private const string OwnHeaders = "X-IamGateway-";

    // Airlock Gateway hands data on to applications behind it in cookies that are named so.
    private const string EnvironmentCookies = "AL_ENV_";

    // ASP.NET keeps in these what it has replaced of a trusted peer.
    private static readonly string[] Replaced = ["X-Original-For", "X-Original-Host", "X-Original-Proto"];

    private readonly FrozenSet<string> _names = Names(settings).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly string[] _cookies = Cookies(settings);

    private readonly SearchValues<string> _anyCookie = SearchValues.Create(
        Cookies(settings), StringComparison.OrdinalIgnoreCase);

    private static string[] Names(GatewaySettings settings) =>
    [
        .. Replaced,
        "Forwarded", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Scheme",
        "X-Forwarded-Client-Cert", "X-Real-IP", "X-Client-IP", "True-Client-IP", "X-Original-URL", "X-Rewrite-URL",
        "Client-Cert", "Client-Cert-Chain", "SSL-Client-Cert", "X-SSL-Client-Cert",
        .. settings.Options.Edge.RemoveHeaders,
    ];

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
        var isTrusted = peers.Networks.Count > 0 && peers.IsTrusted(http.Connection.RemoteIpAddress);
        List<string>? found = null;
        // A request has few headers, and the names are many.
        foreach (var header in headers)
        {
            if (header.Key.StartsWith(OwnHeaders, StringComparison.OrdinalIgnoreCase)
                || !isTrusted && _names.Contains(header.Key))
                (found ??= []).Add(header.Key);
        }

        if (found is not null)
        {
            foreach (var name in found)
                headers.Remove(name);
        }

        if (!isTrusted)
            RemoveCookies(headers);
    }

    private void RemoveCookies(IHeaderDictionary headers)
    {
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
