using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

/// <summary>Routing states to begin with, and steps that tests take often.</summary>
internal static class States
{
    public static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly VersionId V1 = VersionId.Parse("8.2.1");
    public static readonly VersionId V2 = VersionId.Parse("8.3.0");
    public static readonly VersionId V3 = VersionId.Parse("8.4.0");

    /// <summary>8.2.1 active at 100, 8.3.0 and 8.4.0 registered, and as many replicas as asked for.</summary>
    public static RoutingState Steady(int replicas = 2)
    {
        var state = RoutingState.Create([V1, V2, V3], V1, ["run-1"], Now);
        for (var i = 1; i <= replicas; i++)
            state = state.Register($"gateway-{i}", $"10.0.0.{i}:8081", Now).State;
        return state;
    }

    /// <summary>8.2.1 and 8.3.0 active.</summary>
    public static RoutingState Rollout(int replicas = 2, int weight = 10) =>
        Steady(replicas).Set((V1, 100 - weight), (V2, weight)).AcknowledgeAll().AcknowledgeAll();

    /// <summary>8.3.0 was active and is revoked; 8.2.1 is the newest again.</summary>
    public static RoutingState Revoked() => Taken(Rollout().Revoke(V2)).AcknowledgeAll();

    public static RoutingState Set(this RoutingState state, params (VersionId Version, int Weight)[] weights) =>
        Taken(state.SetWeights(weights.ToDictionary(w => w.Version, w => w.Weight)));

    public static Refusal Refused(this RoutingState state, params (VersionId Version, int Weight)[] weights)
    {
        var change = state.SetWeights(weights.ToDictionary(w => w.Version, w => w.Weight));
        Assert.Null(change.State);
        return change.Refusal!;
    }

    /// <summary>Every registered replica acknowledges the revision as it is now.</summary>
    public static RoutingState AcknowledgeAll(this RoutingState state)
    {
        var revision = state.Revision;
        return state.Replicas.Aggregate(state, (s, r) => s.Acknowledge(r.Id, revision, Now));
    }

    public static RoutingState Taken(Change change)
    {
        Assert.Null(change.Refusal);
        return change.State!;
    }

    public static VersionStatus Status(this RoutingState state, VersionId version) => state.Find(version)!.Status;

    public static string Weights(this RoutingState state) =>
        string.Join(' ', state.Active.Select(v => $"{v.Version}={v.Weight}"));
}
