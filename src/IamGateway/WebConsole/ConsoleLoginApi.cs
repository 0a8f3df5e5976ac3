using IamGateway.Admin;
using IamGateway.Configuration;
using Microsoft.AspNetCore.Authentication;

namespace IamGateway.WebConsole;

/// <summary>GET /api/v1/login: how one may log in here.</summary>
/// <param name="Me">Who is logged in already; null: nobody.</param>
internal sealed record LoginReply(bool ApiKey, bool OpenIdConnect, MeReply? Me);

/// <summary>POST /api/v1/login: the key is exchanged for the console's cookie and not kept.</summary>
internal sealed record LoginBody(string? Key);

internal static class ConsoleLoginApi
{
    public static void MapConsoleLogin(this IEndpointRouteBuilder api)
    {
        api.MapGet("/login", (GatewaySettings settings, HttpContext http) => new LoginReply(
            settings.Options.Admin.ApiKeys.Count > 0, settings.Options.Admin.Oidc is not null,
            AdminAuthentication.Role(http.User) is { } role ? new MeReply(http.Who(), role) : null))
            .AllowAnonymous().WithSummary("The ways to log in to the console.");
        api.MapPost("/login", LogInAsync)
            .AllowAnonymous().Accepts<LoginBody>("application/json").Produces<MeReply>().ProducesProblem(401)
            .ProducesProblem(429)
            .WithSummary("Exchanges an API key for the console's cookie.");
        api.MapGet("/login/oidc", async (GatewaySettings settings, HttpContext http) =>
        {
            if (ConsolePipeline.RefuseUnknownProxy(http) is { } refusal)
                await refusal.ExecuteAsync(http);
            else
                await ConsoleOidc.BeginAsync(http, settings);
        }).AllowAnonymous().Produces(302).ProducesProblem(404).WithSummary("Sends the browser to the OpenID provider.");
        api.MapDelete("/login", async (HttpContext http) =>
        {
            await http.SignOutAsync(ConsoleHandler.Name);
            return Results.NoContent();
        }).AllowAnonymous().Produces(204).WithSummary("Takes the console's cookie back.");
    }

    private static async Task<IResult> LogInAsync(
        GatewaySettings settings, AdminPeers peers, CredentialThrottle throttle, HttpContext http)
    {
        var (body, problem) = await AdminBody.ReadAsync<LoginBody>(http);
        if (problem is not null)
            return problem;
        // Else another site could log its visitor in as somebody else.
        if (!ConsolePipeline.IsOwnPage(http.Request))
            return AdminProblems.BadField($"Only the console logs in here; send {ConsolePipeline.Header}: 1.");
        if (ConsolePipeline.RefuseUnknownProxy(http) is { } refusal)
            return refusal;
        if (body!.Key is not { Length: > 0 and <= 512 } presented)
            return AdminProblems.BadField("key is missing; send an API key of at most 512 characters.");
        var key = ApiKeyHandler.Find(settings.Options.Admin.ApiKeys, presented);
        if (throttle.Judge(peers.ClientOf(http), isWrong: key is null) is { } wait)
            return CredentialThrottling.Refuse(http, wait);
        if (key is null || !ConsoleHandler.TrySignIn(http, ConsoleTokens.ApiKeySource, key.Name!, key.Role!))
        {
            return AdminProblems.Of(
                401, "unauthorized", "No such API key is configured; look for a mistyped character.");
        }

        return Results.Ok(new MeReply(key.Name!, key.Role!));
    }
}
