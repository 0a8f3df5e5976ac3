using System.Globalization;
using IamGateway.Drains;
using IamGateway.Instances;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class DrainApi
{
    private const int LongestWait = 3600;

    public static void MapDrain(this IEndpointRouteBuilder api)
    {
        api.MapPost("/instances/{id}/drain", DrainAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .Produces<InstanceReply>().Produces<InstanceReply>(202).ProducesProblem(409)
            .WithSummary("No session goes to it any more; drained when no replica has anything left on it.");
        api.MapPost("/instances/{id}/resume", ResumeAsync)
            .RequireAuthorization(AdminAuthentication.Operator).Produces<InstanceReply>()
            .WithSummary("Takes sessions again.");
    }

    private static async Task<IResult> DrainAsync(
        string id, string? wait, string? force, Replica replica, InstanceTable instances, LastInstance last,
        DrainWatch drains, InstancePresenter presenter, IHostApplicationLifetime lifetime, HttpContext http)
    {
        var seconds = 0;
        if (wait is not null
            && (!int.TryParse(wait, NumberStyles.None, CultureInfo.InvariantCulture, out seconds)
                || seconds is < 1 or > LongestWait))
            return AdminProblems.BadField($"wait must be a whole number of seconds from 1 to {LongestWait}.");
        if (!InstancesApi.TryForce(force, out var isForced))
            return InstancesApi.BadForce();
        if (instances.Find(id) is not { } instance)
            return InstancesApi.Unknown(id, instances);
        var change = await replica.ChangeAsync(
            s => !isForced && last.Refuse(s, id) is { } refusal ? refusal : s.Drain(instance.Id, http.Now()),
            http.Who(), "instance.drain", instance.Id, auditRefusal: true);
        if (change.Refusal is { } refused)
            return AdminProblems.Of(refused);
        if (seconds > 0)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(
                http.RequestAborted, lifetime.ApplicationStopping);
            await drains.WaitAsync(instance.Id, TimeSpan.FromSeconds(seconds), end.Token);
        }

        if (instances.Find(id) is not { } now)
            return InstancesApi.Unknown(id, instances);
        var reply = presenter.Of(now);
        return seconds > 0 && reply.State != "drained"
            ? Results.Accepted("/api/v1/instances", reply)
            : Results.Ok(reply);
    }

    private static async Task<IResult> ResumeAsync(
        string id, Replica replica, InstanceTable instances, InstancePresenter presenter, HttpContext http)
    {
        if (instances.Find(id) is not { } instance)
            return InstancesApi.Unknown(id, instances);
        await replica.ChangeAsync(
            s => s.Resume(instance.Id, http.Now()), http.Who(), "instance.resume", instance.Id);
        return instances.Find(id) is { } now ? Results.Ok(presenter.Of(now)) : InstancesApi.Unknown(id, instances);
    }
}
