using IamGateway.Instances;

namespace IamGateway.Routing;

/// <summary>What the API says of instances.</summary>
internal sealed partial record RoutingState
{
    public InstanceOverride? Override(string id) => Instances.FirstOrDefault(o => IsNamed(o, id));

    /// <summary>No session goes to the instance any more. One that is draining already goes on doing so.</summary>
    public RoutingState Drain(string id, DateTimeOffset time) => SetInstance(
        id, o => o.Draining ? o : o with { Draining = true, DrainedAt = Revision + 1 }, time);

    /// <summary>The instance takes sessions again.</summary>
    public RoutingState Resume(string id, DateTimeOffset time) => Override(id) is null
        ? this
        : SetInstance(id, o => o with { Draining = false, DrainedAt = 0 }, time);

    /// <summary>The revision in which the instance's present drain began; null: it is not draining.</summary>
    public long? DrainOf(string id) => Override(id) is { Draining: true } drain ? drain.DrainedAt : null;
}
