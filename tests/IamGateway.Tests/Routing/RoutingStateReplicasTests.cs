using System.Collections.Immutable;
using IamGateway.Routing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Routing;

public sealed class RoutingStateReplicasTests
{
    private static readonly ImmutableArray<string> RunIds = ["run-2"];

    [Fact]
    public void Register_NewProcess_HasAppliedTheStateItSaw()
    {
        var state = Rollout();
        var (next, id) = state.Register("gateway-9", "10.0.0.9:8081", Now);

        var entry = next.Replicas.Single(r => r.Id == id);
        Assert.Equal((state.Revision, false), (entry.Acknowledged, entry.Forgotten));
        Assert.True(id >= state.NextReplica && next.NextReplica > id);
        Assert.Equal(state.Revision, next.Revision);
    }

    [Fact]
    public void Register_SameAdminAddress_ForgetsThePredecessorOnly()
    {
        var state = Steady(replicas: 3);
        var (next, id) = state.Register("gateway-2b", "10.0.0.2:8081", Now);

        Assert.Equal([state.Replicas[1].Id], next.Replicas.Where(r => r.Forgotten).Select(r => r.Id));
        Assert.Equal(4, next.Replicas.Length);
        Assert.DoesNotContain(state.Replicas, r => r.Id == id);
    }

    [Fact]
    public void Forget_Replica_StillCountsUntilItIsRemoved()
    {
        var flush = Steady().Set((V1, 90), (V2, 10));
        var (alive, dead) = (flush.Replicas[0].Id, flush.Replicas[1].Id);

        var waiting = flush.Forget(dead).Acknowledge(alive, flush.Revision, Now);

        Assert.Equal(RoutingPhase.Flush, waiting.Phase);
        Assert.Equal(RoutingPhase.Prepare, waiting.Remove(dead, Now).Phase);
    }

    [Fact]
    public void Remove_LastReplica_LeavesTheStepToTheNextOne()
    {
        var flush = Steady(replicas: 1).Set((V1, 90), (V2, 10));
        var empty = flush.Remove(flush.Replicas[0].Id, Now);
        Assert.Equal((RoutingPhase.Flush, 0), (empty.Phase, empty.Replicas.Length));

        var (joined, id) = empty.Register("gateway-2", "10.0.0.2:8081", Now);

        Assert.Equal(RoutingPhase.Prepare, joined.Acknowledge(id, joined.Revision, Now).Phase);
    }

    [Fact]
    public void Remove_Replica_IsRememberedAndUnknownOnesChangeNothing()
    {
        var state = Steady();
        var id = state.Replicas[0].Id;
        var removed = state.Remove(id, Now);

        Assert.Equal([id], removed.RemovedReplicas);
        Assert.Same(removed, removed.Remove(id, Now));
        Assert.Same(state, state.Remove(long.MaxValue, Now));
    }

    [Fact]
    public void Remove_ManyReplicas_RemembersABoundedNumber()
    {
        var state = Steady(replicas: 100);
        state = state.Replicas.Aggregate(state, (s, r) => s.Remove(r.Id, Now));

        Assert.Equal(64, state.RemovedReplicas.Length);
    }

    [Fact]
    public void Acknowledge_LowerRevision_GoesNotBack()
    {
        var state = Rollout();
        var id = state.Replicas[0].Id;

        Assert.Equal(state.Replicas[0].Acknowledged, state.Acknowledge(id, 1, Now).Replicas[0].Acknowledged);
    }

    [Fact]
    public void Restore_LostRegistration_MustAcknowledgeAnew()
    {
        var state = Steady();
        var (next, id) = state.Register("gateway-3", "10.0.0.3:8081", Now);
        var entry = next.Replicas.Single(r => r.Id == id);

        var restored = state.Restore(entry);

        Assert.Equal(0, restored.Replicas.Single(r => r.Id == id).Acknowledged);
        Assert.True(restored.NextReplica > id);
        Assert.Same(restored, restored.Restore(entry));
    }

    [Fact]
    public void Regenerate_AnyPhase_WantsEveryAcknowledgementAgain()
    {
        foreach (var state in new[] { Steady(), Rollout(), Steady().Set((V1, 90), (V2, 10)) })
        {
            var next = state.Regenerate(RunIds);

            Assert.NotEqual(state.Generation.Tag, next.Generation.Tag);
            Assert.Equal(RunIds, next.Generation.RunIds);
            Assert.Equal(state.Revision + 1, next.Revision);
            Assert.Equal((next.Revision, next.Revision), (next.Generation.Revision, next.PhaseRevision));
            Assert.False(next.GenerationAcknowledged);
            Assert.False(next.Acknowledge(next.Replicas[0].Id, next.Revision, Now).GenerationAcknowledged);
            Assert.True(next.AcknowledgeAll().GenerationAcknowledged);
        }
    }

    [Fact]
    public void Regenerate_InTheMiddleOfAnActivation_OldAcknowledgementsDoNotCompleteIt()
    {
        var flush = Steady().Set((V1, 90), (V2, 10));
        var (first, second) = (flush.Replicas[0].Id, flush.Replicas[1].Id);

        var next = flush.Acknowledge(first, flush.Revision, Now).Regenerate(RunIds)
            .Acknowledge(second, flush.Revision + 1, Now);

        Assert.Equal(RoutingPhase.Flush, next.Phase);
        Assert.Equal(RoutingPhase.Prepare, next.Acknowledge(first, next.Revision, Now).Phase);
    }

    [Fact]
    public void Merge_HigherRevision_Wins()
    {
        var older = Steady();
        var newer = Written(older.Set((V1, 90), (V2, 10)).AcknowledgeAll().AcknowledgeAll(), 5);
        foreach (var (a, b) in new[] { (older, newer), (newer, older) })
        {
            var merged = RoutingState.Merge(a, b, RunIds);
            Assert.Equal((RoutingPhase.Active, "8.2.1=90 8.3.0=10"), (merged.Phase, merged.Weights()));
            Assert.True(merged.Revision > newer.Revision);
            Assert.NotEqual(newer.Generation.Tag, merged.Generation.Tag);
            Assert.Equal(RunIds, merged.Generation.RunIds);
            Assert.Equal(newer.Sequence, merged.Sequence);
        }
    }

    [Fact]
    public void Merge_RegistriesOfBoth_UniteAndAreAcknowledgedAnew()
    {
        var common = Steady();
        var (left, one) = common.Register("gateway-3", "10.0.0.3:8081", Now);
        var (right, two) = common.Register("gateway-4", "10.0.0.4:8081", Now);
        right = right.Know([VersionId.Parse("8.5.0")], Now);

        var merged = RoutingState.Merge(left, right, RunIds);

        var expected = common.Replicas.Select(r => r.Id).Append(one).Append(two).Distinct().Order();
        Assert.Equal(expected, merged.Replicas.Select(r => r.Id).Order());
        Assert.All(merged.Replicas, r => Assert.Equal(0, r.Acknowledged));
        Assert.False(merged.GenerationAcknowledged);
        Assert.All(merged.Replicas, r => Assert.True(merged.NextReplica > r.Id));
        Assert.NotNull(merged.Find(VersionId.Parse("8.5.0")));
    }

    [Fact]
    public void Merge_ReplicaRemovedInEitherHistory_DoesNotComeBack()
    {
        var older = Steady();
        var id = older.Replicas[0].Id;
        var removed = Written(older.Remove(id, Now), 1);
        var ahead = Written(older.Know([VersionId.Parse("8.5.0")], Now), 1);
        foreach (var (a, b) in new[] { (older, removed), (removed, older), (ahead, removed), (removed, ahead) })
        {
            var merged = RoutingState.Merge(a, b, RunIds);

            Assert.DoesNotContain(merged.Replicas, r => r.Id == id);
            Assert.Contains(id, merged.RemovedReplicas);
        }
    }

    [Fact]
    public void Merge_ReplicaForgottenInEitherHistory_StaysForgotten()
    {
        var older = Steady();
        var id = older.Replicas[0].Id;
        var forgotten = Written(older.Forget(id), 1);
        var ahead = Written(older.Know([VersionId.Parse("8.5.0")], Now), 1);
        foreach (var (a, b) in new[] { (older, forgotten), (ahead, forgotten), (forgotten, ahead) })
            Assert.True(RoutingState.Merge(a, b, RunIds).Replicas.Single(r => r.Id == id).Forgotten);
    }

    [Fact]
    public void Merge_StoreThatLostEverything_PutsTheRememberedStateBackUnderAnotherGeneration()
    {
        var state = Rollout();
        var merged = RoutingState.Merge(state, state, RunIds);

        Assert.Equal((state.Id, state.HashKey, state.Weights()), (merged.Id, merged.HashKey, merged.Weights()));
        Assert.Equal(state.Replicas.Select(r => r.Id), merged.Replicas.Select(r => r.Id));
        Assert.Equal(state.Revision + 1, merged.Generation.Revision);
    }

    [Fact]
    public void Merge_HistoriesOfTwoHashKeys_TheWinnersStateIsOfItsOwnKey()
    {
        var older = Steady();
        var newer = Written(older.WithHashKey(StoredHashKey.Create("another"), RunIds, Now), 1);
        foreach (var (a, b) in new[] { (older, newer), (newer, older) })
        {
            var merged = RoutingState.Merge(a, b, RunIds);

            Assert.Equal((newer.Id, newer.HashKey), (merged.Id, merged.HashKey));
            Assert.True(merged.HashKey.IsOf("another"));
        }
    }

    [Fact]
    public void WithHashKey_OfASteadyState_KeepsEverythingButWhatIsSaidOfSessions()
    {
        var state = Steady().EndSession("00112233445566778899aabbccddeeff");

        var next = state.WithHashKey(StoredHashKey.Create("another"), RunIds, Now.AddDays(1));

        Assert.Empty(next.EndedSessions);
        Assert.Equal(Now.AddDays(1), next.RecordedSince);
        Assert.Equal((state.Weights(), state.Replicas), (next.Weights(), next.Replicas));
        Assert.True(next.Continues(state));
        Assert.False(state.Continues(next));
        Assert.False(next.GenerationAcknowledged);
    }

    private static RoutingState Written(RoutingState state, int times) =>
        state with { Sequence = state.Sequence + times };
}
