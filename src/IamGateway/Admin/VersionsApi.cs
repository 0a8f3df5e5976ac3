using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class VersionsApi
{
    public static void MapVersions(this IEndpointRouteBuilder api)
    {
        api.MapGet(
            "/versions",
            async (Replica replica, InstanceTable instances, SessionCensus census, InFlight inFlight,
                HttpContext http) =>
            {
                await census.CountAsync(http.RequestAborted);
                return List(replica.View.State, instances, census, inFlight);
            }).RequireAuthorization(AdminAuthentication.Viewer).WithSummary("All versions, lowest first.");
        api.MapPost("/versions/{version}/retire", RetireAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .Produces<IReadOnlyList<VersionReply>>().Produces<IReadOnlyList<VersionReply>>(202)
            .ProducesProblem(404).ProducesProblem(409)
            .WithSummary("Closes the lower of two active versions: its sessions move up, then it is retired.");
        api.MapPost("/versions/{version}/revoke", RevokeAsync)
            .RequireAuthorization(AdminAuthentication.Admin)
            .Accepts<ConfirmBody>("application/json")
            .Produces<IReadOnlyList<VersionReply>>().Produces<IReadOnlyList<VersionReply>>(202)
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409)
            .WithSummary("Takes the newest version back and ends its sessions; confirm with its name.");
    }

    public static IReadOnlyList<VersionReply> List(
        RoutingState state, InstanceTable instances, SessionCensus census, InFlight inFlight)
    {
        var requests = inFlight.Snapshot().GroupBy(r => r.Version).Where(g => g.Key is not null)
            .ToDictionary(g => g.Key!, g => g.Count());
        return
        [
            .. state.Versions.Select(v => new VersionReply(
                v.Version.ToString(), StateOf(v, state), v.Weight,
                instances.All.Count(i => i.IsUsable && i.Version == v.Version),
                census.Of(v), requests.GetValueOrDefault(v.Version))),
        ];
    }

    private static string StateOf(VersionEntry version, RoutingState state) =>
        version.Status == VersionStatus.Active && version == state.Older
            && (version.Weight == 0 || state.Phase == RoutingPhase.Closing)
            ? "draining"
            : version.Status.ToString().ToLowerInvariant();

    private static async Task<IResult> RetireAsync(
        string version, Replica replica, ReplicaReports reports, HttpContext http, InstanceTable instances,
        SessionCensus census, InFlight inFlight)
    {
        await reports.UntilAllAnswerAsync(http.RequestAborted);
        var missing = reports.Unreachable;
        return await EndAsync(
            version, "version.retire",
            (state, which) => state.Close(which) switch
            {
                { State: not null } when missing.Count > 0 => new Refusal(
                    "replica_silent",
                    $"Version {which} was not retired, because {string.Join(", ", missing)} did not answer; nothing "
                    + "was changed. Start it again, or forget it if it is dead; a forgotten one counts until "
                    + "RequestTimeout has passed.",
                    Replicas: missing),
                var change => change,
            },
            replica, http, instances, census, inFlight);
    }

    private static async Task<IResult> RevokeAsync(
        string version, Replica replica, HttpContext http, InstanceTable instances, SessionCensus census,
        InFlight inFlight)
    {
        var (body, problem) = await AdminBody.ReadAsync<ConfirmBody>(http);
        if (problem is not null)
            return problem;
        return body!.Confirm == version
            ? await EndAsync(
                version, "version.revoke", (s, v) => s.Revoke(v), replica, http, instances, census, inFlight)
            : AdminProblems.BadField($"confirm must be \"{version}\": revoking ends every session on that version.");
    }

    private static async Task<IResult> EndAsync(
        string text, string what, Func<RoutingState, VersionId, Change> command, Replica replica, HttpContext http,
        InstanceTable instances, SessionCensus census, InFlight inFlight)
    {
        if (!VersionId.TryParse(text, out var version) || replica.View.State.Find(version) is null)
            return AdminProblems.Of(404, "unknown_version", $"There is no version '{text}'.");
        var change = await replica.ChangeAsync(
            s => command(s, version), http.Who(), what, text, auditRefusal: true);
        if (change.Refusal is { } refusal)
            return AdminProblems.Of(refusal);
        var done = await replica.WaitForAsync(s => s.IsQuiet, TimeSpan.FromSeconds(2));
        var list = List(replica.View.State, instances, census, inFlight);
        return done ? Results.Ok(list) : Results.Accepted("/api/v1/versions", list);
    }
}
