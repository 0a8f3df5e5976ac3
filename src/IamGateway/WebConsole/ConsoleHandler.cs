using System.Security.Claims;
using System.Text.Encodings.Web;
using IamGateway.Admin;
using IamGateway.Routing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace IamGateway.WebConsole;

/// <summary>
/// The console's cookie. Script cannot read it, and it goes to paths of the admin API only: a browser that also uses
/// the IAM under the same host name does not show it there.
/// </summary>
internal sealed class ConsoleHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder,
    ConsoleTokens tokens, Replica replica)
    : SignOutAuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = "Console";
    public const string CookieName = "iamgateway-console";

    /// <summary>Other credentials go before the cookie.</summary>
    public static bool IsUsedBy(HttpRequest request) =>
        request.Cookies.ContainsKey(CookieNameFor(request)) && !request.Headers.ContainsKey(ApiKeyHandler.Header)
        && !request.Headers.ContainsKey("Authorization");

    // A page without TLS cannot set a cookie of this prefix over the one that was set with it.
    private static string CookieNameFor(HttpRequest request) =>
        request.IsHttps ? "__Secure-" + CookieName : CookieName;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Cookies[CookieNameFor(Request)] is not { } cookie || !replica.HasView)
            return Task.FromResult(AuthenticateResult.NoResult());
        if (tokens.Read(cookie) is not { } who)
            return Task.FromResult(AuthenticateResult.Fail("The login has expired."));
        var identity = new ClaimsIdentity(
            [new Claim(ClaimTypes.Name, who.Name), new Claim(ClaimTypes.Role, who.Role)], Scheme.Name);
        return Task.FromResult(AuthenticateResult.Success(
            new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
    }

    /// <summary>Sets the cookie for somebody who has just proven who he is.</summary>
    public static bool TrySignIn(HttpContext http, string source, string name, string role)
    {
        if (http.RequestServices.GetRequiredService<ConsoleTokens>().Create(source, name, role) is not { } token)
            return false;
        http.Response.Cookies.Append(CookieNameFor(http.Request), token, Cookie(http.Request));
        return true;
    }

    protected override Task HandleSignOutAsync(AuthenticationProperties? properties)
    {
        Response.Cookies.Delete(CookieNameFor(Request), Cookie(Request));
        return Task.CompletedTask;
    }

    private static CookieOptions Cookie(HttpRequest request) => new()
    {
        HttpOnly = true,
        Secure = request.IsHttps,
        SameSite = SameSiteMode.Strict,
        Path = "/api/v1",
        IsEssential = true,
    };
}
