using IamGateway.WebConsole;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace IamGateway.Admin;

/// <summary>
/// Stands behind authentication: keys and tokens of a client that has guessed too often do not count.
/// </summary>
internal static class CredentialThrottling
{
    public static void UseCredentialThrottle(this WebApplication app)
    {
        var throttle = app.Services.GetRequiredService<CredentialThrottle>();
        var peers = app.Services.GetRequiredService<AdminPeers>();
        app.Use(async (http, next) =>
        {
            // Not done anew: this is what authentication has found.
            var result = await http.AuthenticateAsync();
            // A cookie is no guess: it was ours, or is a signature that nobody finds by trying.
            if (result.None || ConsoleHandler.IsUsedBy(http.Request)
                || throttle.Judge(peers.ClientOf(http), await IsGuessAsync(http, result)) is not { } wait)
            {
                await next(http);
                return;
            }

            // What anyone may ask is answered, and as to a stranger.
            http.User = new();
            if (http.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is null)
                await Refuse(http, wait).ExecuteAsync(http);
            else
                await next(http);
        });
    }

    public static IResult Refuse(HttpContext http, TimeSpan wait)
    {
        var seconds = Math.Ceiling(wait.TotalSeconds);
        http.Response.Headers.RetryAfter = $"{seconds}";
        return AdminProblems.Of(
            429, "too_many_wrong_credentials",
            $"Too many keys or tokens that are not valid came from here; try again in {seconds} s.");
    }

    // A token that has expired was right once. One that cannot be checked, because the authority's keys were never
    // seen, says nothing against whoever sent it.
    private static async Task<bool> IsGuessAsync(HttpContext http, AuthenticateResult result)
    {
        if (result.Succeeded || result.Failure is SecurityTokenExpiredException)
            return false;
        return http.Request.Headers.ContainsKey(ApiKeyHandler.Header) || await HasKeysAsync(http);
    }

    private static async Task<bool> HasKeysAsync(HttpContext http)
    {
        var bearer = http.RequestServices.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>()
            .Get(JwtBearerDefaults.AuthenticationScheme);
        try
        {
            return bearer.ConfigurationManager is { } authority
                && await authority.GetConfigurationAsync(http.RequestAborted) is OpenIdConnectConfiguration;
        }
        catch (Exception e) when (e is InvalidOperationException or OperationCanceledException)
        {
            return false;
        }
    }
}
