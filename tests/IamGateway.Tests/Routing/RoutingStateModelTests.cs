using System.Collections.Immutable;
using CsCheck;
using IamGateway.Routing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Routing;

/// <summary>Any sequence of commands, in any order and by any replica, keeps what the guarantee rests on.</summary>
public sealed class RoutingStateModelTests
{
    private static readonly VersionId[] Versions = [V1, V2, V3, VersionId.Parse("8.5.0")];
    private static readonly ImmutableArray<string> RunIds = ["run-2"];

    private static readonly Gen<(string Name, int A, int B)> Command = Gen.Select(
        Gen.Frequency(
            (6, Gen.Const("weights")), (2, Gen.Const("close")), (2, Gen.Const("revoke")), (1, Gen.Const("cancel")),
            (12, Gen.Const("acknowledge")), (2, Gen.Const("acknowledge-all")), (2, Gen.Const("register")),
            (1, Gen.Const("forget")), (2, Gen.Const("remove")), (1, Gen.Const("regenerate")), (1, Gen.Const("merge")),
            (1, Gen.Const("settle")), (1, Gen.Const("know")), (1, Gen.Const("restore")),
            (1, Gen.Const("hash-key"))),
        Gen.Int[0, 11],
        Gen.Int[0, 100]);

    [Fact]
    public void AnySequenceOfCommands_KeepsTheInvariants() => Command.Array[0, 60].Sample(
        commands =>
        {
            var history = new List<RoutingState> { RoutingState.Create(Versions[..3], V1, ["run-1"], Now) };
            foreach (var command in commands)
            {
                var state = history[^1];
                var next = Apply(history, command);
                next = next with { Sequence = state.Sequence + 1 };
                AssertInvariants(next);
                AssertStep(state, next);
                history.Add(next);
            }
        },
        iter: 3000);

    [Fact]
    public void AnySequenceOfCommands_ReachesEveryPhaseAndStatus()
    {
        var (phases, statuses) = (new HashSet<RoutingPhase>(), new HashSet<VersionStatus>());
        Command.Array[40, 60].Sample(
            commands =>
            {
                var history = new List<RoutingState> { Steady() };
                foreach (var command in commands)
                    history.Add(Apply(history, command));
                lock (phases)
                {
                    phases.UnionWith(history.Select(s => s.Phase));
                    statuses.UnionWith(history.SelectMany(s => s.Versions.Select(v => v.Status)));
                }
            },
            iter: 1000);

        Assert.Equal(Enum.GetValues<RoutingPhase>(), phases.Order());
        Assert.Equal(Enum.GetValues<VersionStatus>(), statuses.Order());
    }

    [Fact]
    public void Merge_TwoHistoriesOfOneState_LosesNoRegistrationAndNoRevision() =>
        Gen.Select(Command.Array[0, 20], Command.Array[0, 20], Command.Array[0, 20]).Sample(
            (before, left, right) =>
            {
                var common = Play(Steady(), before);
                var (a, b) = (Play(common, left), Play(common, right));
                var (ab, ba) = (RoutingState.Merge(a, b, RunIds), RoutingState.Merge(b, a, RunIds));
                foreach (var merged in new[] { ab, ba })
                {
                    AssertInvariants(merged);
                    Assert.True(merged.Revision > Math.Max(a.Revision, b.Revision));
                    Assert.Equal(Math.Max(a.Sequence, b.Sequence), merged.Sequence);
                    var removed = a.RemovedReplicas.Union(b.RemovedReplicas).ToHashSet();
                    Assert.Equal(
                        a.Replicas.Union(b.Replicas).Select(r => r.Id).Distinct().Where(r => !removed.Contains(r))
                            .Order(),
                        merged.Replicas.Select(r => r.Id).Order());
                    Assert.All(merged.Replicas, r => Assert.Equal(0, r.Acknowledged));
                    Assert.True(merged.NextOrdinal >= Math.Max(a.NextOrdinal, b.NextOrdinal));
                }

                Assert.Equal(
                    ab.Replicas.OrderBy(r => r.Id).Select(r => (r.Id, r.Forgotten)),
                    ba.Replicas.OrderBy(r => r.Id).Select(r => (r.Id, r.Forgotten)));
                if (a.Sequence != b.Sequence || a.Revision != b.Revision)
                    Assert.Equal((ab.Phase, ab.Weights()), (ba.Phase, ba.Weights()));
            },
            iter: 1000);

    private static RoutingState Play(RoutingState state, (string Name, int A, int B)[] commands)
    {
        var history = new List<RoutingState> { state };
        foreach (var command in commands)
            history.Add(Apply(history, command) with { Sequence = history[^1].Sequence + 1 });
        return history[^1];
    }

    private static RoutingState Apply(List<RoutingState> history, (string Name, int A, int B) command)
    {
        var (state, version) = (history[^1], Versions[command.A % Versions.Length]);
        var replica = state.Replicas.IsEmpty ? -1 : state.Replicas[command.A % state.Replicas.Length].Id;
        var earlier = history[command.B % history.Count];
        return command.Name switch
        {
            "weights" => state.SetWeights(Shares(version, Versions[command.A / 4], command.B)).State ?? state,
            "close" => state.Close(state.Older?.Version ?? version).State ?? state,
            "revoke" => state.Revoke(command.B < 50 ? state.Newest.Version : version).State ?? state,
            "cancel" => state.CancelActivation(),
            "acknowledge" => state.Acknowledge(replica, state.Revision - command.B / 60, Now),
            "acknowledge-all" => state.AcknowledgeAll(),
            "register" => state.Register("gateway", $"10.0.0.{command.A % 4}:8081", Now).State,
            "forget" => state.Forget(replica),
            "remove" => state.Remove(replica, Now),
            "regenerate" => state.Regenerate(RunIds),
            "merge" => command.A < 6
                ? RoutingState.Merge(state, earlier, RunIds)
                : RoutingState.Merge(earlier, state, RunIds),
            "settle" => state.Settle(command.B < 50 ? Now : Now.AddDays(-1)),
            "know" => state.Know([version], Now),
            "hash-key" => state.WithHashKey(StoredHashKey.Create(command.A < 4 ? null : $"{command.A}"), RunIds, Now),
            _ => earlier.Replicas.IsEmpty || state.RemovedReplicas.Contains(earlier.Replicas[0].Id)
                ? state
                : state.Restore(earlier.Replicas[0]),
        };
    }

    private static Dictionary<VersionId, int> Shares(VersionId one, VersionId other, int share) => one == other
        ? new() { [one] = 100 }
        : new() { [one] = 100 - share, [other] = share };

    private static void AssertInvariants(RoutingState state)
    {
        var active = state.Active.ToArray();
        Assert.InRange(active.Length, 1, 2);
        Assert.Equal(100, active.Sum(v => v.Weight));
        Assert.All(state.Versions.Except(active), v => Assert.Equal(0, v.Weight));
        Assert.Equal(active.Max(v => v.Ordinal), state.Newest.Ordinal);
        Assert.Equal(active.Max(v => v.Version), state.Newest.Version);
        Assert.All(active, v => Assert.InRange(v.Ordinal, 1, state.TopOrdinal));
        Assert.Equal(state.Versions.Select(v => v.Version).Distinct().Order(), state.Versions.Select(v => v.Version));
        var ordinals = state.Versions.Where(v => v.Ordinal > 0).Select(v => v.Ordinal).ToArray();
        Assert.Equal(ordinals.Distinct().Count(), ordinals.Length);
        Assert.All(ordinals, o => Assert.True(o < state.NextOrdinal));
        Assert.Equal(state.Phase is RoutingPhase.Flush or RoutingPhase.Prepare, state.Pending is not null);
        Assert.Equal(state.Pending is null, state.PendingWeights is null);
        Assert.Empty(state.Replicas.Select(r => r.Id).Intersect(state.RemovedReplicas));
        Assert.All(state.Replicas, r => Assert.True(r.Id < state.NextReplica && r.Acknowledged <= state.Revision));
        Assert.True(state.PhaseRevision <= state.Revision && state.Generation.Revision <= state.Revision);
        if (state.Phase == RoutingPhase.Steady)
            Assert.True(active.Length == 1 && state.TopOrdinal == state.Newest.Ordinal);
        // One version left, and yet strict: only because a revoked one stands above it.
        if (state.Phase == RoutingPhase.Active && active.Length == 1)
            Assert.True(state.TopOrdinal > state.Newest.Ordinal);
    }

    private static void AssertStep(RoutingState state, RoutingState next)
    {
        Assert.True(next.Revision >= state.Revision);
        var isVisible = state.Phase != next.Phase || state.Generation != next.Generation
            || !state.Versions.SequenceEqual(next.Versions) || state.Pending != next.Pending;
        Assert.True(!isVisible || next.Revision > state.Revision);
        // What is claimed under one key must prove nothing under another, nor what a replica remembers.
        if (state.HashKey != next.HashKey)
            Assert.True(state.Generation.Tag != next.Generation.Tag && state.Id != next.Id);
        foreach (var old in state.Versions)
        {
            var now = next.Find(old.Version)!;
            Assert.True(IsForward(old.Status, now.Status), $"{old} became {now}.");
            var settled = old.Status == VersionStatus.Revoked && now.Ordinal == 0;
            if (old.Status != VersionStatus.Registered && !settled)
                Assert.Equal(old.Ordinal, now.Ordinal);
            if (old.Status != now.Status)
            {
                Assert.True(state.Phase is RoutingPhase.Prepare or RoutingPhase.Closing or RoutingPhase.Revoking);
                Assert.All(next.Replicas, r => Assert.True(r.Acknowledged >= state.PhaseRevision));
            }
        }
    }

    private static bool IsForward(VersionStatus from, VersionStatus to) => (from, to) switch
    {
        _ when from == to => true,
        (VersionStatus.Registered, VersionStatus.Active) => true,
        (VersionStatus.Active, VersionStatus.Retired or VersionStatus.Revoked) => true,
        _ => false,
    };
}
