using System.Security.Claims;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>
/// What OpenIddict leaves to its user: log-in, consent and log-out, each a page that is shown and a form that is sent.
/// </summary>
internal static class OpenIddictPages
{
    private const string Sessions = CookieAuthenticationDefaults.AuthenticationScheme;
    private const string Server = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public static void Map(WebApplication app)
    {
        app.MapGet("/login", () => Page("log in"));
        app.MapPost("/login", LogInAsync);
        app.MapMethods("/auth", ["GET", "POST"], (Delegate)AuthorizeAsync);
        app.MapPost("/session/end", (Delegate)LogOutAsync);
    }

    private static IResult Page(string title) => Results.Content($"<form method=post>{title}</form>", "text/html");

    // The cookie's handler redirects to the ReturnUrl of the address.
    private static async Task LogInAsync(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync();
        await http.SignInAsync(Sessions, Principal(form["login"].ToString(), Sessions));
    }

    /// <summary>A consent page sends the request itself again, as a form.</summary>
    private static async Task<IResult> AuthorizeAsync(HttpContext http)
    {
        var request = http.GetOpenIddictServerRequest()!;
        var session = await http.AuthenticateAsync(Sessions);
        if (session.Principal?.FindFirst(OpenIddictConstants.Claims.Subject)?.Value is not { } user)
        {
            if (!request.HasPromptValue(OpenIddictConstants.PromptValues.None))
                return Results.Challenge(
                    new AuthenticationProperties { RedirectUri = http.Request.Path + http.Request.QueryString },
                    [Sessions]);
            var error = new Dictionary<string, string?>
            {
                [OpenIddictServerAspNetCoreConstants.Properties.Error] = OpenIddictConstants.Errors.LoginRequired,
            };
            return Results.Forbid(new AuthenticationProperties(error), [Server]);
        }

        if (HttpMethods.IsGet(http.Request.Method)
            && request.HasPromptValue(OpenIddictConstants.PromptValues.Consent))
            return Page("consent");
        var principal = Principal(user, Server);
        principal.SetScopes(request.GetScopes());
        return Results.SignIn(principal, authenticationScheme: Server);
    }

    private static async Task<IResult> LogOutAsync(HttpContext http)
    {
        if (!(await http.AuthenticateAsync(Sessions)).Succeeded)
            return Page("log out");
        await http.SignOutAsync(Sessions);
        return Results.SignOut(authenticationSchemes: [Server]);
    }

    private static ClaimsPrincipal Principal(string user, string scheme) =>
        new(new ClaimsIdentity([new Claim(OpenIddictConstants.Claims.Subject, user)], scheme));
}
