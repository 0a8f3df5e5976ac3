namespace IamGateway.Admin;

/// <summary>The admin API: one file a resource.</summary>
internal static class AdminApi
{
    public static void MapAdminApi(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api/v1");
        api.MapStatus();
        api.MapVersions();
        api.MapWeights();
        api.MapInstances();
        api.MapSessions();
        api.MapReplicas();
        api.MapEvents();
    }
}
