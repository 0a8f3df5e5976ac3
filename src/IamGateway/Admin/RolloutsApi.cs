using IamGateway.Configuration;
using IamGateway.Rollouts;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class RolloutsApi
{
    private const string Current = "current";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public static void MapRollouts(this IEndpointRouteBuilder api)
    {
        api.MapGet("/rollouts", (Replica replica, RolloutPresenter presenter) => All(replica).Select(presenter.Reply))
            .RequireAuthorization(AdminAuthentication.Viewer)
            .WithSummary("The rollout that is under way and the last five that have ended, latest first.");
        api.MapPost("/rollouts", BeginAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .Accepts<RolloutBody>("application/json").Produces<RolloutReply>(201).Produces<RolloutReply>(200)
            .ProducesProblem(400).ProducesProblem(409)
            .WithSummary("Begins an upgrade. With ?dryRun=true the preconditions are checked and nothing is changed.");
        api.MapGet("/rollouts/{id}", (string id, Replica replica, RolloutPresenter presenter) =>
            Find(id, replica) is { } rollout ? Results.Ok(presenter.Reply(rollout)) : Unknown(id))
            .RequireAuthorization(AdminAuthentication.Viewer).Produces<RolloutReply>().ProducesProblem(404)
            .WithSummary("One rollout; current is the one under way, or the last one.");
        Map(api, "pause", "Stops where it is; its weights stay.", (s, who, now) =>
            s.PauseRollout(who, "paused by hand", now));
        Map(api, "resume", "Goes on after a pause or at a step that waits for a person.", (s, who, now) =>
            s.ResumeRollout(who, now));
        Map(api, "promote", "Gives the new version all new sessions at once.", (s, who, now) =>
            s.PromoteRollout(who, now));
        Map(api, "abort", "Gives the old version all new sessions; those that have moved stay.", (s, who, now) =>
            s.AbortRollout(who, "aborted by hand", now));
        api.MapPost("/rollouts/{id}/revoke", RevokeAsync)
            .RequireAuthorization(AdminAuthentication.Admin)
            .Accepts<ConfirmBody>("application/json").Produces<RolloutReply>().Produces<RolloutReply>(202)
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409)
            .WithSummary("Takes the new version back and ends its sessions; confirm with its name.");
    }

    private static void Map(
        IEndpointRouteBuilder api, string verb, string summary,
        Func<RoutingState, string, DateTimeOffset, Change> command) => api.MapPost(
        $"/rollouts/{{id}}/{verb}",
        async (string id, Replica replica, RolloutPresenter presenter, TimeProvider time, HttpContext http) =>
        {
            if (Find(id, replica) is not { } rollout)
                return Unknown(id);
            var change = await replica.ChangeAsync(
                s => s.Rollout?.Id == rollout.Id ? command(s, http.Who(), time.GetUtcNow()) : Ended(s, rollout),
                http.Who(), null, null);
            return change.Refusal is { } refusal
                ? AdminProblems.Of(refusal)
                : Results.Ok(presenter.Reply(Find(rollout.Id, replica)!));
        }).RequireAuthorization(AdminAuthentication.Operator).Produces<RolloutReply>().ProducesProblem(404)
        .ProducesProblem(409).WithSummary(summary);

    private static IEnumerable<Rollout> All(Replica replica)
    {
        var state = replica.View.State;
        return state.EndedRollouts.Append(state.Rollout).OfType<Rollout>().Reverse();
    }

    private static Rollout? Find(string id, Replica replica) => id == Current
        ? replica.View.State.LatestRollout
        : All(replica).FirstOrDefault(r => r.Id == id);

    private static IResult Unknown(string id) => AdminProblems.Of(
        404, "unknown_rollout",
        id == Current ? "There has been no rollout yet." : $"There is no rollout '{id}'; see GET /api/v1/rollouts.");

    private static Change Ended(RoutingState state, Rollout rollout)
    {
        var now = state.EndedRollouts.FirstOrDefault(r => r.Id == rollout.Id) ?? rollout;
        return new Refusal(
            "rollout_ended",
            $"Rollout {rollout.Id} has ended: it is {RolloutMove.Name(now.Status)}. Begin another one.");
    }

    private static async Task<IResult> BeginAsync(
        Replica replica, PreconditionChecker checker, RolloutPresenter presenter, GatewaySettings settings,
        TimeProvider time, string? dryRun, HttpContext http)
    {
        var (body, problem) = await AdminBody.ReadAsync<RolloutBody>(http);
        if (problem is not null)
            return problem;
        if (dryRun is not (null or "true" or "false"))
            return AdminProblems.BadField("dryRun must be true or false.");
        if (!RolloutBodyReader.TryRead(body!, settings.Options, out var order, out var sentence))
            return AdminProblems.BadField(sentence);
        var preconditions = await checker.CheckAsync(order, http.RequestAborted);
        var isDryRun = dryRun == "true";
        var rollout = order.Create(
            isDryRun ? "dry-run" : RoutingState.RandomTag(), replica.View.State, http.Who(), time.GetUtcNow(),
            preconditions);
        if (isDryRun)
            return Results.Ok(presenter.Reply(rollout));
        var failed = preconditions.Where(p => !p.Passed).ToArray();
        if (failed.Length > 0)
        {
            return AdminProblems.Of(
                409, "preconditions_failed", string.Join(' ', failed.Select(p => p.Detail)), new { preconditions });
        }

        var change = await replica.ChangeAsync(
            s => RolloutOrder.From(s) == rollout.From ? s.BeginRollout(rollout, time.GetUtcNow()) : Changed(),
            http.Who(), null, null);
        return change.Refusal is { } refusal
            ? AdminProblems.Of(refusal)
            : Results.Created(
                $"/api/v1/rollouts/{rollout.Id}", presenter.Reply(Find(rollout.Id, replica)!));
    }

    private static Change Changed() => new Refusal(
        "state_changed", "The active versions changed while the preconditions were checked; try again.");

    private static async Task<IResult> RevokeAsync(
        string id, Replica replica, RolloutPresenter presenter, TimeProvider time, HttpContext http)
    {
        var (body, problem) = await AdminBody.ReadAsync<ConfirmBody>(http);
        if (problem is not null)
            return problem;
        if (Find(id, replica) is not { } rollout)
            return Unknown(id);
        if (body!.Confirm != rollout.To.ToString())
        {
            return AdminProblems.BadField(
                $"confirm must be \"{rollout.To}\": revoking ends every session on that version.");
        }

        var change = await replica.ChangeAsync(
            s => Revoke(s, rollout.Id, http.Who(), time.GetUtcNow()), http.Who(), "version.revoke",
            rollout.To.ToString());
        if (change.Refusal is { } refusal)
            return AdminProblems.Of(refusal);
        var isDone = await replica.WaitForAsync(s => s.IsQuiet, Patience);
        var reply = presenter.Reply(Find(rollout.Id, replica)!);
        return isDone ? Results.Ok(reply) : Results.Accepted($"/api/v1/rollouts/{rollout.Id}", reply);
    }

    private static Change Revoke(RoutingState state, string id, string who, DateTimeOffset now) =>
        state.EndedRollouts.Append(state.Rollout).FirstOrDefault(r => r?.Id == id) is { } rollout
            ? state.RevokeRollout(rollout, who, now)
            : new Refusal("unknown_rollout", $"Rollout {id} is not remembered any more.");
}
