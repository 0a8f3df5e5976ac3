using IamGateway.Routing;
using IamGateway.WebConsole;

namespace IamGateway.Admin;

/// <summary>The admin API: one file a resource.</summary>
internal static class AdminApi
{
    public static void MapAdminApi(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api/v1").AddEndpointFilter(RefuseBeforeTheFirstStateAsync);
        api.MapStatus();
        api.MapVersions();
        api.MapWeights();
        api.MapRollouts();
        api.MapInstances();
        api.MapSessions();
        api.MapReplicas();
        api.MapEvents();
        api.MapHistory();
        api.MapMe();
        api.MapConsoleLogin();
    }

    // The listener is open while the replica still waits for the store, so that health can be asked.
    private static async ValueTask<object?> RefuseBeforeTheFirstStateAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var replica = context.HttpContext.RequestServices.GetRequiredService<Replica>();
        return replica.HasView
            ? await next(context)
            : AdminProblems.Of(503, "not_ready", replica.NotReadyReason ?? "The gateway is starting; try again.");
    }
}
