using IamGateway.Admin;
using Microsoft.Extensions.Primitives;

namespace IamGateway.WebConsole;

/// <summary>What stands before the endpoints of the admin listener for the sake of browsers.</summary>
internal static class ConsolePipeline
{
    /// <summary>The page sends it with everything; another site cannot, without asking here first.</summary>
    public const string Header = "X-IamGateway-Console";

    public const string PagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'";

    private const string OtherPolicy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Serves the page's files, and sets the headers that browsers heed for every answer.</summary>
    public static void UseConsole(this WebApplication app)
    {
        var files = app.Services.GetRequiredService<ConsoleFiles>();
        var peers = app.Services.GetRequiredService<AdminPeers>();
        app.Use(async (http, next) =>
        {
            if (http.Request.Headers["X-Forwarded-Proto"] is ["https"] && peers.IsTrustedProxy(http))
                http.Request.Scheme = "https";
            var headers = http.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers.ContentSecurityPolicy = PagePolicy;
            var isAllowed = peers.IsAllowed(http.Request.Host);
            if (isAllowed && await files.TryServeAsync(http))
                return;
            headers.ContentSecurityPolicy = OtherPolicy;
            headers.CacheControl = "no-store";
            if (!isAllowed)
            {
                await AdminProblems.Of(
                    421, "unknown_host",
                    "This listener does not go by the name in Host; use its address, or add the name to "
                    + "IamGateway:Admin:AllowedHosts.").ExecuteAsync(http);
                return;
            }

            await next(http);
        });
    }

    /// <summary>
    /// A proxy that is not known says that the browser came by TLS: whether the cookie could be Secure cannot be known,
    /// so there is none. Null: nothing is in the way.
    /// </summary>
    public static IResult? RefuseUnknownProxy(HttpContext http) =>
        http.Request.Headers.ContainsKey("X-Forwarded-Proto")
        && !http.RequestServices.GetRequiredService<AdminPeers>().IsTrustedProxy(http)
            ? AdminProblems.Of(
                400, "unknown_proxy",
                $"X-Forwarded-Proto came from {http.Connection.RemoteIpAddress}, no proxy that is known; add it to "
                + "IamGateway:Admin:TrustedProxies, so that the login can rely on TLS.")
            : null;

    /// <summary>
    /// Lets what changes something pass with the console's cookie only if it comes from the page itself. A name that
    /// somebody makes point here (DNS rebinding) does not help him: the browser has no cookie for it.
    /// </summary>
    public static void UseOwnPageOnly(this WebApplication app) => app.Use(async (http, next) =>
    {
        if (ConsoleHandler.IsUsedBy(http.Request) && !IsSafe(http.Request.Method) && !IsOwnPage(http.Request))
        {
            await AdminProblems.Of(
                403, "not_from_the_console",
                $"With the console's cookie only the console may change something; send {Header}: 1 from its own page.")
                .ExecuteAsync(http);
            return;
        }

        await next(http);
    });

    private static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    public static bool IsOwnPage(HttpRequest request)
    {
        var headers = request.Headers;
        if (StringValues.IsNullOrEmpty(headers[Header]))
            return false;
        if (headers["Sec-Fetch-Site"] is [{ } site])
            return site == "same-origin";
        // The scheme may be another one here than at a proxy that ends TLS.
        return headers.Origin is not [{ } origin]
            || Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
    }
}
