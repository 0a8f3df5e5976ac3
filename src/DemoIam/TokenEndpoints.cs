using Microsoft.AspNetCore.WebUtilities;

namespace DemoIam;

/// <summary>
/// As much of OAuth as it takes to reach a session without its cookie. There is no client registration: any client,
/// any redirect URI. Nothing to copy into a real IAM.
/// </summary>
internal static class TokenEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, DemoIamInstance instance)
    {
        routes.MapGet("/authorize", context => SessionEndpoints.WithCookieAsync(context, instance, AuthorizeAsync));
        routes.MapPost("/token", context => TokenAsync(context, instance));
        routes.MapGet("/userinfo", context => SessionEndpoints.RunAsync(
            context, instance, NameKind.AccessToken, BearerToken(context), UserInfoAsync));
    }

    private static async Task<Reply> AuthorizeAsync(SessionRequest request)
    {
        if (request.Session is not { IsLoggedIn: true })
            return SessionEndpoints.Unauthorized(request);
        var query = request.Context.Request.Query;
        if (!Uri.TryCreate(query["redirect_uri"], UriKind.Absolute, out var target) ||
            target.Scheme is not ("http" or "https"))
            return Reply.Problem(400, "invalid_request", "redirect_uri must be an absolute http(s) address.");

        var answer = new Dictionary<string, string?>
        {
            ["code"] = await request.AddNameAsync(NameKind.Code, Lifetimes.Code),
        };
        if (query["state"] is [{ } state])
            answer["state"] = state;
        return Reply.Redirect(QueryHelpers.AddQueryString(target.AbsoluteUri, answer));
    }

    private static async Task TokenAsync(HttpContext context, DemoIamInstance instance)
    {
        var form = await SessionEndpoints.FormAsync(context);
        var (kind, field) = form["grant_type"].ToString() switch
        {
            "authorization_code" => (NameKind.Code, "code"),
            "refresh_token" => (NameKind.RefreshToken, "refresh_token"),
            _ => (NameKind.Code, ""),
        };
        if (field.Length == 0)
        {
            var problem = Reply.Problem(400, "unsupported_grant_type", "authorization_code or refresh_token.");
            await problem.WriteAsync(context);
            return;
        }

        var name = form[field].ToString();
        await SessionEndpoints.RunAsync(context, instance, kind, name, r => IssueAsync(r, kind, name));
    }

    private static async Task<Reply> IssueAsync(SessionRequest request, NameKind kind, string name)
    {
        // A code is good for one exchange only; a refresh token lives on for the grace time, like a rotated cookie.
        if (request.Session is not { IsLoggedIn: true } ||
            (kind == NameKind.Code && !await request.ConsumeNameAsync(kind, name)))
            return Reply.Problem(400, "invalid_grant", "Unknown, used or expired.");
        if (kind == NameKind.RefreshToken)
            await request.ExpireNameAsync(kind, name);

        return Reply.Json(new Dictionary<string, object>
        {
            ["access_token"] = await request.AddNameAsync(NameKind.AccessToken, Lifetimes.AccessToken),
            ["refresh_token"] = await request.AddNameAsync(NameKind.RefreshToken, Lifetimes.Session),
            ["token_type"] = "Bearer",
            ["expires_in"] = (int)Lifetimes.AccessToken.TotalSeconds,
        });
    }

    private static Task<Reply> UserInfoAsync(SessionRequest request)
    {
        if (request.Session is { IsLoggedIn: true } session)
        {
            return Task.FromResult(Reply.Json(new
            {
                sub = session.User,
                version = request.Instance.Version,
                instance = request.Instance.Name,
                stateVersion = session.StateVersion,
            }));
        }

        request.Context.Response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\"";
        return Task.FromResult(Reply.Problem(401, "invalid_token", "Unknown or expired access token."));
    }

    private static string? BearerToken(HttpContext context)
    {
        const string scheme = "Bearer ";
        var header = context.Request.Headers.Authorization.ToString();
        return header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? header[scheme.Length..].Trim() : null;
    }
}
