using IamGateway.Configuration;
using IamGateway.Recording;
using IamGateway.Reports;
using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Tests.Routing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

/// <summary>Rollouts from 8.2.1 to 8.3.0 in routing states of two replicas, and the steps that tests take.</summary>
internal static class SomeRollouts
{
    public const string Executor = "gateway-1";

    public static readonly RolloutLimits Limits = new(0.01, 2, 100, 0.01, RolloutFailureAction.Pause);

    public static RolloutOrder Order(params RolloutStep[] steps) => new(
        V2, ExistingSessions.Migrate,
        steps.Length == 0
            ? [new(10, TimeSpan.FromMinutes(10)), new(50, null), new(100, TimeSpan.Zero)]
            : [.. steps],
        SchemaUpgraded: true, AllowSkip: false, Limits, TimeSpan.FromHours(8));

    public static RoutingState Begun(RolloutOrder? order = null)
    {
        var state = Steady();
        return Taken(state.BeginRollout((order ?? Order()).Create("r1", state, "ann", Now, []), Now));
    }

    /// <summary>At the first step, all replicas have applied it, the hold has begun.</summary>
    public static RoutingState Holding(RolloutOrder? order = null) => Begun(order).Next().Next().Applied().Next();

    public static RoutingState Aborted() => Taken(Holding().AbortRollout("ann", "aborted by hand", Now));

    public static RoutingState Draining(RolloutOrder? order = null) => Holding(
        order ?? Order(new RolloutStep(100, TimeSpan.Zero))).Next(Facts(requests: 100));

    public static RolloutFacts Facts(
        TimeSpan after = default, long requests = 0, long errors = 0, double? slow = null, long violations = 0,
        long refusals = 0) => new()
        {
            Now = Now + after,
            Executor = Executor,
            HasTarget = true,
            Reports = [Report(requests, errors, slow, violations, refusals)],
        };

    /// <summary>As many requests of each version; the new one's take so long, the old one's a millisecond.</summary>
    public static ReplicaReport Report(
        long requests, long errors = 0, double? slow = null, long violations = 0, long refusals = 0,
        long? replica = null) => new(
            // Of a registration that came later, so that it counts from its beginning.
            replica ?? long.MaxValue, 1, Now, [],
            [Counted(V1, requests, 0, 0.001), Counted(V2, requests, errors, slow ?? 0.001)], refusals, violations);

    private static VersionReport Counted(VersionId version, long requests, long errors, double seconds)
    {
        var durations = new long[GatewayMetrics.DurationBounds.Count + 1];
        durations[GatewayMetrics.DurationBounds.Count(b => b < seconds)] = requests;
        return new VersionReport(version, 0, requests, errors, durations);
    }

    /// <summary>The step that the executor takes, which must be one; without facts nothing has happened.</summary>
    public static RoutingState Next(this RoutingState state, RolloutFacts? facts = null)
    {
        var next = Taken(RolloutPlan.Next(state, facts ?? Facts()));
        Assert.NotSame(state, next);
        return next;
    }

    public static void AssertStays(this RoutingState state, RolloutFacts? facts = null) =>
        Assert.Same(state, RolloutPlan.Next(state, facts ?? Facts()).State);

    /// <summary>Every replica acknowledges until nothing is left to be acknowledged.</summary>
    public static RoutingState Applied(this RoutingState state)
    {
        while (state.Replicas.Any(r => r.Acknowledged < state.Revision))
            state = state.AcknowledgeAll();
        return state;
    }

    public static string LastReason(this RoutingState state) => state.LatestRollout!.Transitions[^1].Reason;
}
