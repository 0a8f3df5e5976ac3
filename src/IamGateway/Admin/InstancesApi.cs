using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class InstancesApi
{
    public static void MapInstances(this IEndpointRouteBuilder api)
    {
        api.MapGet("/instances", (InstancePresenter presenter) => presenter.All())
            .RequireAuthorization(AdminAuthentication.Viewer).WithSummary("All instances of the IAM.");
        api.MapPut("/instances/{id}", PutAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .Accepts<InstanceBody>("application/json").Produces<InstanceReply>().ProducesProblem(400)
            .WithSummary("Registers an instance, or changes its address or version.");
        api.MapDelete("/instances/{id}", DeleteAsync)
            .RequireAuthorization(AdminAuthentication.Operator)
            .WithSummary("Removes an instance that the API registered.");
        api.MapDrain();
    }

    private static async Task<IResult> PutAsync(
        string id, Replica replica, InstanceTable instances, InstancePresenter presenter, HttpContext http)
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
        // Who names the version of an instance that is there vouches for what it looks like now.
        var seen = version is null || instances.Find(id)?.Problem is null ? null : instances.FingerprintOf(id);
        var change = await replica.ChangeAsync(
            s =>
            {
                if (Taken(id, address, instances) is { } refusal)
                    return refusal;
                var set = s.SetInstance(
                    id, o => o with { Address = address.ToString(), Version = version ?? o.Version }, time: http.Now());
                return seen is null ? set : set.Learn(new KnownFingerprint(id, seen, version!));
            },
            http.Who(), "instance.set", $"{id} {address} {version}", auditRefusal: true);
        return change.Refusal is { } refused
            ? AdminProblems.Of(refused)
            : Results.Ok(presenter.Of(instances.Find(id)!));
    }

    private static Refusal? Taken(string id, Uri address, InstanceTable instances)
    {
        if (instances.All.FirstOrDefault(i => !IsNamed(i, id) && new Uri(i.Address) == address) is { } twin)
        {
            return new Refusal(
                "address_taken",
                $"address: {address} is the address of instance '{twin.Id}' too; one address is one instance.");
        }

        return instances.Find(id) is { } same && same.Id != id
            ? new Refusal(
                "id_taken", $"id: '{id}' differs from '{same.Id}' in case only; IDs are compared without it.")
            : null;
    }

    private static bool IsNamed(Instance instance, string id) =>
        instance.Id.Equals(id, StringComparison.OrdinalIgnoreCase);

    private static async Task<IResult> DeleteAsync(
        string id, string? force, Replica replica, InstanceTable instances, LastInstance last, HttpContext http)
    {
        if (!TryForce(force, out var isForced))
            return BadForce();
        if (instances.Find(id) is null)
            return Unknown(id, instances);
        var change = await replica.ChangeAsync(
            s =>
            {
                if (instances.IsConfigured(id))
                {
                    return new Refusal(
                        "configured_instance",
                        $"Instance '{id}' stands in the configuration; remove it there, or drain it.");
                }

                return !isForced && last.Refuse(s, id) is { } refusal ? refusal : s.RemoveInstance(id);
            },
            http.Who(), "instance.removed", null, id, auditRefusal: true);
        return change.Refusal is { } refused ? AdminProblems.Of(refused) : Results.NoContent();
    }

    public static IResult Unknown(string id, InstanceTable instances) => AdminProblems.Of(
        404, "unknown_instance",
        $"There is no instance '{id}'; known are {string.Join(", ", instances.All.Select(i => i.Id).Order())}.");

    /// <summary>?force=true; false: it is something else than true or false.</summary>
    public static bool TryForce(string? force, out bool isForced)
    {
        isForced = force is "";
        return force is null or "" || bool.TryParse(force, out isForced);
    }

    public static IResult BadForce() => AdminProblems.BadField("force must be true or false.");

    public static DateTimeOffset Now(this HttpContext http) =>
        http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
}
