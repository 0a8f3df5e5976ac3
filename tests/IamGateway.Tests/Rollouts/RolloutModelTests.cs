using CsCheck;
using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Tests.Routing;
using static IamGateway.Tests.Rollouts.SomeRollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

/// <summary>
/// Whatever people, executors, replicas and the store do in whatever order: the rollout keeps to its order, and the
/// weights to the rollout.
/// </summary>
public sealed class RolloutModelTests
{
    private static readonly Gen<(string Name, int A)> Command = Gen.Select(
        Gen.Frequency(
            (4, Gen.Const("begin")), (2, Gen.Const("pause")), (3, Gen.Const("resume")), (1, Gen.Const("promote")),
            (1, Gen.Const("abort")), (1, Gen.Const("revoke")), (1, Gen.Const("weights")), (1, Gen.Const("close")),
            (16, Gen.Const("next")), (6, Gen.Const("applied")), (3, Gen.Const("acknowledge")),
            (1, Gen.Const("regenerate")), (1, Gen.Const("merge")), (1, Gen.Const("forget"))),
        Gen.Int[0, 100]);

    private static readonly RolloutStatus[] Ended =
        [RolloutStatus.Completed, RolloutStatus.Aborted, RolloutStatus.Failed];

    [Fact]
    public void AnySequenceOfCommands_KeepsTheInvariants() => Command.Array[0, 60].Sample(
        commands =>
        {
            var history = new List<RoutingState> { Steady() };
            foreach (var command in commands)
            {
                var state = history[^1];
                var next = Apply(history, command) with { Sequence = state.Sequence + 1 };
                AssertInvariants(next);
                if (command.Name != "merge")
                    AssertStep(state, next);
                history.Add(next);
            }
        },
        iter: 3000);

    [Fact]
    public void AnySequenceOfCommands_ReachesEveryStateAndWait()
    {
        var (statuses, waits) = (new HashSet<RolloutStatus>(), new HashSet<RolloutWait>());
        Command.Array[40, 80].Sample(
            commands =>
            {
                var history = new List<RoutingState> { Steady() };
                foreach (var command in commands)
                    history.Add(Apply(history, command));
                lock (statuses)
                {
                    statuses.UnionWith(history.Select(s => s.LatestRollout?.Status).OfType<RolloutStatus>());
                    waits.UnionWith(history.Select(s => s.Rollout?.WaitingFor).OfType<RolloutWait>());
                }
            },
            iter: 2000);

        Assert.Equal(Enum.GetValues<RolloutStatus>(), statuses.Order());
        Assert.Equal(Enum.GetValues<RolloutWait>(), waits.Order());
    }

    private static RoutingState Apply(List<RoutingState> history, (string Name, int A) command)
    {
        var (state, a) = (history[^1], command.A);
        var change = command.Name switch
        {
            "begin" => Begin(state, history.Count, a),
            "pause" => state.PauseRollout("ann", "x", Now),
            "resume" => state.ResumeRollout("ann", Now),
            "promote" => state.PromoteRollout("ann", Now),
            "abort" => state.AbortRollout("ann", "x", Now),
            "revoke" => state.LatestRollout is { } latest ? state.RevokeRollout(latest, "ann", Now) : state,
            "weights" => state.SetWeights(new Dictionary<VersionId, int> { [V1] = 100 - a, [V2] = a }) is
            { State: { } set }
                ? set.PauseForWeights("bob", Now)
                : state,
            "close" => state.Older is { } older ? state.Close(older.Version) : state,
            "next" => RolloutPlan.Next(state, Some(a)),
            "applied" => state.Applied(),
            "acknowledge" => state.Replicas.IsEmpty
                ? state
                : state.Acknowledge(state.Replicas[a % state.Replicas.Length].Id, state.Revision, Now),
            "regenerate" => state.Regenerate(["run-2"]),
            "merge" => RoutingState.Merge(state, history[a % history.Count], ["run-2"]),
            _ => a < 20 && state.Replicas.Length > 1 ? state.Remove(state.Replicas[^1].Id, Now) : state,
        };
        return change.State ?? state;
    }

    private static Change Begin(RoutingState state, int number, int a)
    {
        var order = Order(
            new RolloutStep(10, a % 3 == 0 ? null : TimeSpan.FromMinutes(a)), new RolloutStep(50, TimeSpan.Zero),
            new RolloutStep(100, TimeSpan.Zero)) with
        {
            To = a < 90 ? V2 : V3,
            Analysis = Limits with { OnFailure = (RolloutFailureAction)(a % 2) },
        };
        // What the preconditions see to.
        return order.To <= RolloutOrder.From(state) || state.Older is not null && state.Newest.Version != order.To
            ? state
            : state.BeginRollout(order.Create($"r{number}", state, "ann", Now, []), Now);
    }

    private static RolloutFacts Some(int a) => Facts(
        TimeSpan.FromMinutes(a * 10), requests: a < 20 ? 5 : 200, errors: a % 10 == 9 ? 50 : 0) with
    {
        Executor = a % 7 == 0 ? "gateway-2" : Executor,
        HasGates = a % 5 == 0,
        Gate = a % 2 == 0 ? new GateAnswer(a % 4, a % 8 == 0 ? "no" : null) : null,
        HasTarget = a % 11 != 0,
        SessionsLeft = a % 3 == 0 ? 0 : a,
    };

    private static void AssertInvariants(RoutingState state)
    {
        Assert.All(state.EndedRollouts, r => Assert.True(r.IsEnded && r.Executor is null && r.Since is null));
        Assert.Equal(state.EndedRollouts.Length, state.EndedRollouts.Select(r => r.Id).Distinct().Count());
        if (state.Rollout is not { } rollout)
            return;
        Assert.False(rollout.IsEnded);
        Assert.DoesNotContain(state.EndedRollouts, r => r.Id == rollout.Id);
        Assert.True(rollout.From < rollout.To);
        Assert.Equal(rollout.Status == RolloutStatus.Paused, rollout.PausedFrom is not null);
        Assert.Equal(rollout.WaitingFor == RolloutWait.Hold, rollout.HoldEndsAt is not null);
        Assert.True(rollout.Steps.Count(s => s.Status == RolloutStepStatus.Current) <= 1);
        // Done, then at most one current, then pending.
        Assert.Equal(rollout.Steps.Select(s => -(int)s.Status).Order(), rollout.Steps.Select(s => -(int)s.Status));
        if (rollout.Status == RolloutStatus.Draining)
            Assert.NotNull(rollout.Drain);
        if (rollout.Status is not (RolloutStatus.Progressing or RolloutStatus.Draining)
            || state.Find(rollout.To)!.Status != VersionStatus.Active || state.Older is null)
            return;
        // What nobody has stopped has the weights that it says.
        if (state.IsQuiet)
            Assert.Equal(rollout.CurrentStep!.Weight, state.Find(rollout.To)!.Weight);
    }

    private static void AssertStep(RoutingState state, RoutingState next)
    {
        var moves = RolloutMove.Between(state, next).ToArray();
        var (before, after) = (state.LatestRollout, next.LatestRollout);
        if (before?.Id != after?.Id || before?.Status != after?.Status)
            Assert.NotEmpty(moves);
        Assert.All(moves, m => Assert.Equal(next.Revision, m.Transition.Revision));
        // An ended one is only ever revoked.
        foreach (var old in state.EndedRollouts)
        {
            var now = next.EndedRollouts.FirstOrDefault(r => r.Id == old.Id);
            Assert.True(now is null || now.Status == old.Status || now.Status == RolloutStatus.Aborted);
        }

        if (before is not null && after is not null && before.Id == after.Id && !before.IsEnded)
        {
            Assert.True(IsAllowed(before, after), $"{before.Status} became {after.Status}: {next.LastReason()}.");
            if (before.Step is { } step && after.Step is { } now && after.Status == RolloutStatus.Progressing)
                Assert.InRange(now, step, after.Promoted ? after.Steps.Length - 1 : step + 1);
        }
    }

    private static bool IsAllowed(Rollout before, Rollout after) => (before.Status, after.Status) switch
    {
        var (from, to) when from == to => true,
        (RolloutStatus.Checking, RolloutStatus.Progressing) => true,
        (RolloutStatus.Progressing, RolloutStatus.Draining) => true,
        (RolloutStatus.Paused, RolloutStatus.Progressing) => after.Promoted || before.PausedFrom == after.Status,
        (RolloutStatus.Paused, var to) => before.PausedFrom == to || Ended.Contains(to),
        (_, RolloutStatus.Paused) => true,
        var (_, to) => Ended.Contains(to),
    };
}
