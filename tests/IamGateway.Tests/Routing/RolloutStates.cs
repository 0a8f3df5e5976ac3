using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

/// <summary>States to begin a test with: 8.2.1 and 8.3.0, one replica named a.</summary>
internal static class RolloutStates
{
    public static readonly VersionId Old = VersionId.Parse("8.2.1");
    public static readonly VersionId New = VersionId.Parse("8.3.0");
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;

    public static RoutingState Steady() =>
        RoutingState.Create([Old, New], Old, ["run-1"], Now).Register("a", "a", Now).State;

    /// <summary>Every replica acknowledges; the state may take its next step with it.</summary>
    public static RoutingState Acknowledged(this RoutingState state) =>
        state.Replicas.Aggregate(state, (s, r) => s.Acknowledge(r.Id, state.Revision, Now));

    public static bool IsAcknowledged(this RoutingState state) =>
        state.Replicas.All(r => r.Acknowledged >= state.Revision);

    public static RoutingState Flushing() => Steady().Weighted(50);

    public static RoutingState Preparing() => Flushing().Acknowledged();

    public static RoutingState Active() => Preparing().Acknowledged().Acknowledged();

    public static RoutingState Weighted(this RoutingState state, int weight) =>
        state.SetWeights(new Dictionary<VersionId, int> { [Old] = 100 - weight, [New] = weight }).State!;

    /// <summary>What a server that has taken over holds once a replica has noticed it.</summary>
    public static RoutingState FailedOver(this RoutingState state) => state.Regenerate(["run-2"]);
}
