namespace IamGateway.Admin;

internal static class MeApi
{
    public static void MapMe(this IEndpointRouteBuilder api) => api.MapGet(
        "/me",
        (HttpContext http) => new MeReply(http.Who(), AdminAuthentication.Role(http.User)!))
        .RequireAuthorization(AdminAuthentication.Viewer)
        .WithSummary("Who you are by your credentials, and your role.");
}
