using System.Globalization;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class ReplicasApi
{
    public static void MapReplicas(this IEndpointRouteBuilder api)
    {
        api.MapGet("/replicas", (Replica replica, ReplicaReports reports) =>
        {
            var silent = reports.Silent.Select(r => r.Id).ToHashSet();
            return replica.View.State.Replicas.Select(
                r => Reply(r, replica) with { Silent = silent.Contains(r.Id) && r.Id != replica.Id });
        })
            .RequireAuthorization(AdminAuthentication.Viewer)
            .WithSummary("The replicas of the gateway and the revision each has applied.");
        api.MapDelete("/replicas/{id}", ForgetAsync)
            .RequireAuthorization(AdminAuthentication.Admin).Produces(202).ProducesProblem(404).ProducesProblem(409)
            .WithSummary("Says that a replica's process is dead; takes effect after RequestTimeout.");
    }

    public static ReplicaReply Reply(ReplicaEntry entry, Replica self) => new(
        entry.Id.ToString(CultureInfo.InvariantCulture), entry.Name, entry.StartedAt, entry.Acknowledged,
        entry.Forgotten,
        entry.Id == self.Id);

    private static async Task<IResult> ForgetAsync(string id, Replica replica, HttpContext http)
    {
        var entry = replica.View.State.Replicas.FirstOrDefault(r =>
            r.Id.ToString(CultureInfo.InvariantCulture) == id || r.Name == id);
        if (entry is null)
            return AdminProblems.Of(404, "unknown_replica", $"There is no replica '{id}'; see GET /api/v1/replicas.");
        if (entry.Id == replica.Id)
            return AdminProblems.Of(409, "own_replica",
                $"'{id}' is the replica that answers you, so it is not dead; stop its process instead.");
        await replica.ChangeAsync(s => s.Forget(entry.Id), http.Who(), "replica.forgotten", entry.Name);
        return Results.Accepted("/api/v1/replicas", Reply(entry with { Forgotten = true }, replica));
    }
}
