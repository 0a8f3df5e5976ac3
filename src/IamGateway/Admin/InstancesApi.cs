using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Routing;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Admin;

internal static class InstancesApi
{
    public static void MapInstances(this IEndpointRouteBuilder api)
    {
        api.MapGet("/instances", (InstanceTable instances, InstanceHealth health, InFlight inFlight) =>
            instances.All.OrderBy(i => i.Id, StringComparer.Ordinal).Select(i => Reply(i, health, inFlight)))
            .RequireAuthorization(AdminAuthentication.Viewer).WithSummary("All instances of the IAM.");
        api.MapPut("/instances/{id}", PutAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .Accepts<InstanceBody>("application/json").Produces<InstanceReply>().ProducesProblem(400)
            .WithSummary("Registers an instance, or changes its address or version.");
        api.MapDelete("/instances/{id}", DeleteAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .WithSummary("Removes an instance that the API registered.");
        api.MapPost("/instances/{id}/drain", (
            string id, Replica replica, InstanceTable instances, InstanceHealth health, InFlight inFlight,
            HttpContext http) =>
            DrainAsync(id, true, replica, instances, health, inFlight, http))
            .RequireAuthorization(AdminAuthentication.Operator).Produces<InstanceReply>()
            .WithSummary("No session goes to it any more; drained when nothing is left on it.");
        api.MapPost("/instances/{id}/resume", (
            string id, Replica replica, InstanceTable instances, InstanceHealth health, InFlight inFlight,
            HttpContext http) =>
            DrainAsync(id, false, replica, instances, health, inFlight, http))
            .RequireAuthorization(AdminAuthentication.Operator).Produces<InstanceReply>()
            .WithSummary("Takes sessions again.");
    }

    public static InstanceReply Reply(Instance instance, InstanceHealth health, InFlight inFlight)
    {
        var requests = inFlight.Snapshot().Count(r => r.InstanceId == instance.Id);
        return new InstanceReply(
            instance.Id, instance.Address, instance.Version?.ToString(), instance.Reported?.ToString(),
            health.Of(instance.Id), StateOf(instance, requests), requests, null, instance.Problem);
    }

    /// <summary>The states of all instances, for the metric.</summary>
    public static IEnumerable<(string Instance, string Version, string State)> States(
        InstanceTable instances, InFlight inFlight)
    {
        var requests = inFlight.Snapshot().CountBy(r => r.InstanceId ?? "").ToDictionary();
        return instances.All.Select(i =>
            (i.Id, i.Version?.ToString() ?? "none", StateOf(i, requests.GetValueOrDefault(i.Id))));
    }

    private static string StateOf(Instance instance, int requests) => (instance switch
    {
        { Draining: true } => requests == 0 ? InstanceState.Drained : InstanceState.Draining,
        { IsUsable: false } => InstanceState.Quarantined,
        _ => InstanceState.Active,
    }).ToString().ToLowerInvariant();

    private static async Task<IResult> PutAsync(
        string id, Replica replica, InstanceTable instances, InstanceHealth health, InFlight inFlight, HttpContext http)
    {
        var (body, problem) = await AdminBody.ReadAsync<InstanceBody>(http);
        if (problem is not null)
            return problem;
        if (id.Length > 64 || id.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')))
            return AdminProblems.BadField("id must be at most 64 letters, digits, '-', '_' or '.'.");
        var problems = new ConfigurationProblems();
        var address = GatewaySettingsReader.Address(body!.Address, "address", problems);
        if (address is null)
            return AdminProblems.BadField(problems.Lines[0]);
        VersionId? version = null;
        if (body.Version is not null && !VersionId.TryParse(body.Version, out version))
            return AdminProblems.BadField(
                $"version: '{body.Version}' is not a version of the form MAJOR.MINOR.PATCH (SemVer).");
        if (version is null && instances.Find(id)?.Version is null && !instances.CanDiscover)
            return AdminProblems.BadField(
                "version is missing, and IamGateway:Versions:Discovery does not say how to ask for it.");
        if (instances.All.FirstOrDefault(i => !IsNamed(i, id) && new Uri(i.Address) == address) is { } twin)
            return AdminProblems.Of(
                409, "address_taken",
                $"address: {address} is the address of instance '{twin.Id}' too; one address is one instance.");
        if (instances.Find(id) is { } same && same.Id != id)
            return AdminProblems.Of(
                409, "id_taken", $"id: '{id}' differs from '{same.Id}' in case only; IDs are compared without it.");
        // Who names the version of an instance that is there vouches for what it looks like now.
        var seen = version is null || instances.Find(id)?.Problem is null ? null : instances.FingerprintOf(id);
        await replica.ChangeAsync(
            s =>
            {
                var set = s.SetInstance(
                    id, o => o with { Address = address.ToString(), Version = version ?? o.Version }, time: http.Now());
                return seen is null ? set : set.Learn(new KnownFingerprint(id, seen, version!));
            },
            http.Who(), "instance.set", $"{id} {address} {version}");
        return Results.Ok(Reply(instances.Find(id)!, health, inFlight));
    }

    private static bool IsNamed(Instance instance, string id) =>
        instance.Id.Equals(id, StringComparison.OrdinalIgnoreCase);

    private static async Task<IResult> DeleteAsync(
        string id, Replica replica, InstanceTable instances, HttpContext http)
    {
        if (instances.Find(id) is not { } instance)
            return Unknown(id, instances);
        if (instances.IsConfigured(id))
            return AdminProblems.Of(
                409, "configured_instance",
                $"Instance '{id}' stands in the configuration; remove it there, or drain it.");
        if (LastThatServes(instance, instances, replica, http) is { } refusal)
            return refusal;
        await replica.ChangeAsync(s => s.RemoveInstance(id), http.Who(), "instance.removed", null, id);
        return Results.NoContent();
    }

    private static async Task<IResult> DrainAsync(
        string id, bool drain, Replica replica, InstanceTable instances, InstanceHealth health, InFlight inFlight,
        HttpContext http)
    {
        if (instances.Find(id) is not { } instance)
            return Unknown(id, instances);
        if (drain && LastThatServes(instance, instances, replica, http) is { } refusal)
            return refusal;
        await replica.ChangeAsync(
            s => s.SetInstance(id, o => o with { Draining = drain }, time: http.Now()),
            http.Who(), drain ? "instance.drain" : "instance.resume", id);
        return Results.Ok(Reply(instances.Find(id)!, health, inFlight));
    }

    /// <summary>The refusal to take away the last instance that sessions of its version can use.</summary>
    private static IResult? LastThatServes(
        Instance instance, InstanceTable instances, Replica replica, HttpContext http)
    {
        var active = replica.View.State.Active.Select(v => v.Version).ToArray();
        if (!instance.IsUsable || !active.Contains(instance.Version!) || http.Request.Query.ContainsKey("force")
            || instances.All.Any(i =>
                i.Id != instance.Id && i.IsUsable && active.Contains(i.Version!) && i.Version! >= instance.Version!))
            return null;
        return AdminProblems.Of(
            409, "last_instance",
            $"Instance '{instance.Id}' is the last one that can serve sessions of version {instance.Version} or a "
            + "higher active one; start another first, or add ?force=true.");
    }

    private static IResult Unknown(string id, InstanceTable instances) => AdminProblems.Of(
        404, "unknown_instance",
        $"There is no instance '{id}'; known are {string.Join(", ", instances.All.Select(i => i.Id).Order())}.");

    private static DateTimeOffset Now(this HttpContext http) =>
        http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
}
