using IamGateway.Admin;
using Microsoft.Extensions.Primitives;

namespace IamGateway.WebConsole;

/// <summary>What stands before the endpoints of the admin listener for the sake of browsers.</summary>
internal static class ConsolePipeline
{
    /// <summary>The page sends it with everything; another site cannot, without asking here first.</summary>
    public const string Header = "X-IamGateway-Console";

    private const string PagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'";

    private const string OtherPolicy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Serves the page's files, and sets the headers that browsers heed for every answer.</summary>
    public static void UseConsole(this WebApplication app)
    {
        var files = app.Services.GetRequiredService<ConsoleFiles>();
        app.Use(async (http, next) =>
        {
            // For what is made of it only: whether the cookie is Secure.
            if (http.Request.Headers["X-Forwarded-Proto"] is ["https"])
                http.Request.Scheme = "https";
            var headers = http.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers.ContentSecurityPolicy = PagePolicy;
            if (await files.TryServeAsync(http))
                return;
            headers.ContentSecurityPolicy = OtherPolicy;
            headers.CacheControl = "no-store";
            await next(http);
        });
    }

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
