using IamGateway.Routing;

namespace IamGateway.Instances;

/// <summary>
/// Keeps the last instance that can serve sessions of its version from being taken away. Asked within a change of the
/// routing state, so that of two commands at once the second one sees the first.
/// </summary>
internal sealed class LastInstance(InstanceTable instances, InstanceHealth health)
{
    /// <summary>The refusal to take an instance away; null: others serve its sessions, or it serves none.</summary>
    public Refusal? Refuse(RoutingState state, string id)
    {
        var active = state.Active.Select(v => v.Version).ToArray();
        var usable = instances.All.Where(i => IsUsable(i, state) && active.Contains(i.Version!)).ToArray();
        if (Array.Find(usable, i => IsNamed(i, id)) is not { } instance)
            return null;
        // Where none is healthy, requests are sent all the same.
        var isHealthy = IsHealthy(instance);
        if (Array.Exists(
            usable, i => i != instance && i.Version! >= instance.Version! && (!isHealthy || IsHealthy(i))))
            return null;
        return new Refusal(
            "last_instance",
            $"Instance '{instance.Id}' is the last one that can serve sessions of version {instance.Version} or a "
            + "higher active one; start another first, or add ?force=true.");
    }

    // Drains and removals are the state's to say: what this replica has applied may be older.
    private bool IsUsable(Instance instance, RoutingState state) =>
        instance with { Draining = state.DrainOf(instance.Id) is not null } is { IsUsable: true }
        && (instances.IsConfigured(instance.Id) || state.Override(instance.Id)?.Address is not null);

    private bool IsHealthy(Instance instance) => health.Of(instance.Id) != "unhealthy";

    private static bool IsNamed(Instance instance, string id) =>
        instance.Id.Equals(id, StringComparison.OrdinalIgnoreCase);
}
