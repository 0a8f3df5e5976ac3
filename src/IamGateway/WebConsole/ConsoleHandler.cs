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
    : SignInAuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = "Console";
    public const string CookieName = "iamgateway-console";
    private const int MaxName = 100;

    /// <summary>Other credentials go before the cookie.</summary>
    public static bool IsUsedBy(HttpRequest request) =>
        request.Cookies.ContainsKey(CookieNameFor(request)) && !request.Headers.ContainsKey(ApiKeyHandler.Header)
        && !request.Headers.ContainsKey("Authorization");

    // Cookies know no ports: with the port in its name two gateways on one host leave each other's alone. A page
    // without TLS cannot set a cookie of the prefix over the one that was set with it.
    private static string CookieNameFor(HttpRequest request) => request.IsHttps
        ? $"__Secure-{CookieName}-{request.Host.Port ?? 443}"
        : $"{CookieName}-{request.Host.Port ?? 80}";

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

    // Somebody whom the OpenID provider vouches for. He may choose his user name there, so the subject goes with it.
    protected override Task HandleSignInAsync(ClaimsPrincipal user, AuthenticationProperties? properties)
    {
        var subject = user.Identity?.Name ?? throw new InvalidOperationException("The ID token names no subject.");
        var name = user.FindFirst("preferred_username")?.Value is { } chosen && chosen != subject
            ? $"{Short(chosen)} ({Short(subject)})"
            : Short(subject);
        if (!TrySignIn(Context, ConsoleTokens.OidcSource, name, AdminAuthentication.Role(user)!))
            throw new InvalidOperationException("The login has no foundation in the configuration.");
        return Task.CompletedTask;
    }

    private static string Short(string text) => text.Length <= MaxName ? text : text[..MaxName];

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
