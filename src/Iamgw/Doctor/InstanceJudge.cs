using Iamgw.Api;

namespace Iamgw.Doctor;

/// <summary>What is wrong with the instances, one by one and version by version.</summary>
internal static class InstanceJudge
{
    private const int Needed = 2;

    public static IEnumerable<Finding> Judge(Status status, IReadOnlyList<Instance> instances) =>
        instances.OrderBy(i => i.Id, StringComparer.Ordinal).SelectMany(One)
            .Concat((status.Versions ?? []).Where(v => v.State is "active" or "draining" or "registered")
                .Select(v => Version(v, status, instances)));

    private static IEnumerable<Finding> One(Instance instance)
    {
        var name = $"instance {Show.Clean(instance.Id)}";
        if (instance.State == "quarantined")
        {
            yield return Finding.Wrong(
                name, $"It is quarantined: {Show.Clean(instance.Reason ?? "its version is not known")}.",
                "Make it tell its version at Versions:Discovery, or name the version with PUT /instances/{id}.");
        }
        else if (instance.ReportedVersion is { } reported && reported != instance.Version)
        {
            yield return Finding.Wrong(
                name, $"It reports version {Show.Clean(reported)} and is taken for {Show.Clean(instance.Version)}.",
                "Correct its version in the configuration or with PUT /instances/{id}.");
        }

        if (instance.Health == "unhealthy")
        {
            yield return Finding.Wrong(
                name, $"Its health check fails; it is at {Show.Clean(instance.Address)}.",
                "Look whether it runs, and whether the health check's Path answers 2xx, at the destination's Health if "
                + "it has one and else at its Address.");
        }

        if (instance.State is "draining" or "drained")
        {
            yield return Finding.Note(
                name, $"It is {Show.Clean(instance.State)} and gets nothing new.",
                $"When it is back: iamgw instances resume {Show.Clean(instance.Id)}.");
        }
    }

    private static Finding Version(VersionRow version, Status status, IReadOnlyList<Instance> instances)
    {
        var name = $"version {Show.Clean(version.Version)}";
        var usable = instances.Count(i => i.IsUsable && i.Version == version.Version);
        var counted = $"{usable} usable {(usable == 1 ? "instance" : "instances")}, {Show.Clean(version.State)}, "
            + $"weight {version.Weight} %.";
        // The newest active version is the one that everything ends up at.
        var isNewest = version.Version == status.NewestActive;
        if (usable == 0 && version.State != "registered" && (isNewest || version.Weight > 0 || version.Sessions > 0))
        {
            return Finding.Wrong(
                name, counted, "Start or resume an instance of it; requests of its sessions cannot be served.");
        }

        return usable < Needed && isNewest
            ? Finding.Wrong(
                name, counted, "Start a second instance; a single one cannot fail or be drained without an outage.")
            : Finding.Ok(name, counted);
    }
}
