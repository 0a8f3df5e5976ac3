using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class HealthApi
{
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/health/live", () => Results.Json(new { status = "UP" })).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/health/ready", (Replica replica) => replica.IsReady
            ? Results.Json(new { status = "UP" })
            : Results.Json(new { status = "DOWN", reason = Reason(replica) }, statusCode: 503))
            .AllowAnonymous().ExcludeFromDescription();
    }

    private static string Reason(Replica replica) => replica.NotReadyReason
        ?? (replica.IsLeaving ? "The gateway is stopping." : "The proxy listener is not open yet.");
}
