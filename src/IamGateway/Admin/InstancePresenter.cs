using IamGateway.Drains;
using IamGateway.Instances;

namespace IamGateway.Admin;

/// <summary>How the API and the metric show an instance.</summary>
internal sealed class InstancePresenter(InstanceTable instances, InstanceHealth health, DrainWatch drains)
{
    public IEnumerable<InstanceReply> All() => instances.All.OrderBy(i => i.Id, StringComparer.Ordinal).Select(Of);

    public InstanceReply Of(Instance instance)
    {
        var drain = instance.Draining ? drains.Of(instance.Id) : null;
        return new InstanceReply(
            instance.Id, instance.Address, instance.Version?.ToString(), instance.Reported?.ToString(),
            health.Of(instance.Id), StateOf(instance, drain), drain?.InFlight ?? drains.InFlight(instance.Id),
            drains.Sessions(instance.Id), instance.Problem,
            drain is null
                ? null
                : new InstanceDrainReply(
                    drain.InFlight, drain.Connections, drain.Sessions, drain.WaitingFor, drain.EstimatedEnd));
    }

    /// <summary>The states of all instances, for the metric.</summary>
    public IEnumerable<(string Instance, string Version, string State)> States() => instances.All.Select(i =>
        (i.Id, i.Version?.ToString() ?? "none", StateOf(i, i.Draining ? drains.Of(i.Id) : null)));

    /// <summary>How many instances of a version sessions can be sent to, for the metric.</summary>
    public int Usable(VersionId version) => instances.All.Count(i =>
        i.Version == version && i.IsUsable && health.Of(i.Id) != "unhealthy");

    private static string StateOf(Instance instance, DrainStatus? drain) => (instance switch
    {
        { Draining: true } => drain is { IsDone: true } ? InstanceState.Drained : InstanceState.Draining,
        { IsUsable: false } => InstanceState.Quarantined,
        _ => InstanceState.Active,
    }).ToString().ToLowerInvariant();
}
