using IamGateway.Routing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Routing;

public sealed class RoutingStateTests
{
    [Fact]
    public void Create_SeveralVersions_OnlyTheInitialOneIsActive()
    {
        var state = RoutingState.Create([V2, V1, V2], V1, ["run-1"], Now);

        Assert.Equal(RoutingPhase.Steady, state.Phase);
        Assert.Equal([V1, V2], state.Versions.Select(v => v.Version));
        Assert.Equal("8.2.1=100", state.Weights());
        Assert.Equal((VersionStatus.Registered, 0), (state.Status(V2), state.Find(V2)!.Ordinal));
    }

    [Fact]
    public void Create_Twice_SecretsAndNamesDiffer()
    {
        var (a, b) = (RoutingState.Create([], V1, [], Now), RoutingState.Create([], V1, [], Now));

        Assert.NotEqual(a.HashKey, b.HashKey);
        Assert.NotEqual(a.Id, b.Id);
        Assert.NotEqual(a.Generation.Tag, b.Generation.Tag);
        Assert.Equal(32, a.HashKey.With(null)!.Length);
    }

    [Fact]
    public void ToString_State_ShowsNoSecret()
    {
        var state = Steady();

        Assert.DoesNotContain(state.HashKey.Part, state.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(state.HashKey.Part, new Change(state, null).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(50, 49)]
    [InlineData(50, 51)]
    [InlineData(-1, 101)]
    [InlineData(200, -100)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(int.MinValue, int.MinValue)]
    public void SetWeights_NoSharesOfAHundred_Refuses(int first, int second)
    {
        var refusal = Rollout().Refused((V1, first), (V2, second));

        Assert.Equal(("weights_sum", false), (refusal.Code, refusal.IsConflict));
    }

    [Fact]
    public void SetWeights_None_Refuses() => Assert.Equal("weights_sum", Rollout().Refused().Code);

    [Fact]
    public void SetWeights_UnknownVersion_RefusesAndNamesIt()
    {
        var refusal = Rollout().Refused((V1, 100), (VersionId.Parse("9.9.9"), 0));

        Assert.Equal(("unknown_version", false), (refusal.Code, refusal.IsConflict));
        Assert.Contains("9.9.9", refusal.Detail, StringComparison.Ordinal);
        Assert.Contains("8.2.1, 8.3.0 and 8.4.0", refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void SetWeights_ThirdVersion_Refuses() =>
        Assert.Equal("too_many_versions", Rollout().Refused((V1, 80), (V2, 10), (V3, 10)).Code);

    [Fact]
    public void SetWeights_ThirdVersionInPlaceOfTheOld_RefusesUntilThatIsRetired() =>
        Assert.Equal("too_many_versions", Rollout().Refused((V2, 90), (V3, 10)).Code);

    [Fact]
    public void SetWeights_TwoNewVersionsAtOnce_Refuses() =>
        Assert.Equal("too_many_versions", Steady().Refused((V1, 80), (V2, 10), (V3, 10)).Code);

    [Fact]
    public void SetWeights_LowerVersion_Refuses()
    {
        var state = RoutingState.Create([V1, V2], V2, [], Now);

        Assert.Equal("not_an_upgrade", state.Refused((V1, 10), (V2, 90)).Code);
    }

    [Fact]
    public void SetWeights_RetiredOrRevokedVersion_NeverComesBack()
    {
        var retired = Taken(Rollout().Close(V1)).AcknowledgeAll();

        Assert.Equal("version_ended", retired.Refused((V1, 50), (V2, 50)).Code);
        Assert.Equal("version_ended", Revoked().Refused((V1, 50), (V2, 50)).Code);
        Assert.Equal("8.3.0=100", retired.Set((V1, 0), (V2, 100)).Weights());
    }

    [Fact]
    public void AnyCommand_WhileAChangeIsUnderWay_RefusesAsBusy()
    {
        var flush = Steady().Set((V1, 90), (V2, 10));
        RoutingState[] busy =
        [
            flush, flush.AcknowledgeAll(), Taken(Rollout().Close(V1)), Taken(Rollout().Revoke(V2)),
        ];

        Assert.Equal(
            [RoutingPhase.Flush, RoutingPhase.Prepare, RoutingPhase.Closing, RoutingPhase.Revoking],
            busy.Select(s => s.Phase));
        Assert.All(busy, s =>
        {
            Assert.Equal("change_in_progress", s.Refused((V1, 100)).Code);
            Assert.Equal("change_in_progress", s.Close(V1).Refusal!.Code);
            Assert.Equal("change_in_progress", s.Revoke(V2).Refusal!.Code);
        });
    }

    [Fact]
    public void SetWeights_ActiveVersionsOnly_TakesEffectAtOnce()
    {
        var state = Rollout();
        var next = state.Set((V1, 40), (V2, 60));

        Assert.Equal("8.2.1=40 8.3.0=60", next.Weights());
        Assert.Equal((RoutingPhase.Active, state.Revision + 1, state.PhaseRevision),
            (next.Phase, next.Revision, next.PhaseRevision));
    }

    [Fact]
    public void SetWeights_BackToTheOldVersion_TheNewOneStaysActiveAtZero() =>
        Assert.Equal("8.2.1=100 8.3.0=0", Rollout(weight: 100).Set((V1, 100)).Weights());

    [Fact]
    public void Activation_ThreeSteps_EachWaitsForEveryReplica()
    {
        var flush = Steady(replicas: 3).Set((V1, 90), (V2, 10));
        Assert.Equal((RoutingPhase.Flush, V2, "8.2.1=100"), (flush.Phase, flush.Pending, flush.Weights()));
        Assert.Equal(0, flush.Find(V2)!.Ordinal);
        AssertWaitsForAll(flush, RoutingPhase.Prepare);

        var prepare = flush.AcknowledgeAll();
        Assert.Equal((VersionStatus.Registered, "8.2.1=100"), (prepare.Status(V2), prepare.Weights()));
        Assert.Equal((1, 2, 2), (prepare.Newest.Ordinal, prepare.Find(V2)!.Ordinal, prepare.TopOrdinal));
        AssertWaitsForAll(prepare, RoutingPhase.Active);

        var active = prepare.AcknowledgeAll();
        Assert.Equal((VersionStatus.Active, "8.2.1=90 8.3.0=10"), (active.Status(V2), active.Weights()));
        Assert.Equal((V2, V1), (active.Newest.Version, active.Older!.Version));
        Assert.Null(active.Pending);
        Assert.Null(active.PendingWeights);
    }

    private static void AssertWaitsForAll(RoutingState state, RoutingPhase next)
    {
        var ids = state.Replicas.Select(r => r.Id).ToArray();
        foreach (var last in ids)
        {
            var others = ids.Where(i => i != last).Aggregate(state, (s, id) => s.Acknowledge(id, state.Revision, Now));
            Assert.Equal(state.Phase, others.Phase);
            Assert.Equal(state.Phase, others.Acknowledge(last, state.Revision - 1, Now).Phase);
            Assert.Equal(state.Phase, others.Acknowledge(last + 1_000_000_000, state.Revision, Now).Phase);
            Assert.Equal(next, others.Acknowledge(last, state.Revision, Now).Phase);
        }
    }

    [Fact]
    public void Activation_AcknowledgementOfTheStepBefore_DoesNotCountForTheNext()
    {
        var flush = Steady().Set((V1, 90), (V2, 10));
        var prepare = flush.AcknowledgeAll();

        var again = flush.Replicas.Aggregate(prepare, (s, r) => s.Acknowledge(r.Id, flush.Revision, Now));

        Assert.Equal(RoutingPhase.Prepare, again.Phase);
    }

    [Fact]
    public void Activation_AfterARevocation_SkipsTheFlush()
    {
        var prepare = Revoked().Set((V1, 90), (V3, 10));
        Assert.Equal(RoutingPhase.Prepare, prepare.Phase);
        Assert.Equal(3, prepare.Find(V3)!.Ordinal);

        Assert.Equal("8.2.1=90 8.4.0=10", prepare.AcknowledgeAll().Weights());
    }

    [Fact]
    public void Activation_ReplicaRegisteringMeanwhile_MustAcknowledgeTheNextStep()
    {
        var (flush, id) = Steady().Set((V1, 90), (V2, 10)).Register("gateway-3", "10.0.0.3:8081", Now);
        var old = flush.Replicas.Where(r => r.Id != id).ToArray();
        var prepare = old.Aggregate(flush, (s, r) => s.Acknowledge(r.Id, flush.Revision, Now));
        Assert.Equal(RoutingPhase.Prepare, prepare.Phase);

        var waiting = old.Aggregate(prepare, (s, r) => s.Acknowledge(r.Id, prepare.Revision, Now));

        Assert.Equal(RoutingPhase.Prepare, waiting.Phase);
        Assert.Equal(RoutingPhase.Active, waiting.Acknowledge(id, prepare.Revision, Now).Phase);
    }

    [Fact]
    public void CancelActivation_FlushOrPrepare_GoesBackAndNothingWasActivated()
    {
        var flush = Steady().Set((V1, 90), (V2, 10));
        foreach (var state in new[] { flush, flush.AcknowledgeAll() })
        {
            var cancelled = state.CancelActivation();

            Assert.Equal((RoutingPhase.Steady, "8.2.1=100"), (cancelled.Phase, cancelled.Weights()));
            Assert.Equal(VersionStatus.Registered, cancelled.Status(V2));
            Assert.Null(cancelled.Pending);
            Assert.Null(cancelled.PendingWeights);
            Assert.True(cancelled.Revision > state.Revision);
            Assert.Equal(1, cancelled.TopOrdinal);
        }
    }

    [Fact]
    public void CancelActivation_AfterARevocation_StaysStrict()
    {
        var cancelled = Revoked().Set((V1, 90), (V3, 10)).CancelActivation();

        Assert.Equal(RoutingPhase.Active, cancelled.Phase);
    }

    [Fact]
    public void CancelActivation_NothingToCancel_ChangesNothing()
    {
        foreach (var state in new[] { Steady(), Rollout(), Revoked(), Taken(Rollout().Close(V1)),
            Taken(Rollout().Revoke(V2)) })
            Assert.Same(state, state.CancelActivation());
    }

    [Fact]
    public void Activation_OfALowerVersionAfterACancelledHigherOne_TakesTheHigherPlace()
    {
        var cancelled = Steady().Set((V1, 90), (V3, 10)).AcknowledgeAll().CancelActivation();
        var first = cancelled.Set((V1, 90), (V2, 10)).AcknowledgeAll().AcknowledgeAll();
        var second = Taken(first.Close(V1)).AcknowledgeAll().Set((V2, 90), (V3, 10)).AcknowledgeAll().AcknowledgeAll();

        Assert.Equal([V2, V3], second.Active.Select(v => v.Version));
        Assert.True(second.Find(V3)!.Ordinal > second.Find(V2)!.Ordinal);
    }

    [Fact]
    public void Close_LowerOfTwo_IsRetiredWhenAllHaveAcknowledged()
    {
        var closing = Taken(Rollout().Close(V1));
        Assert.Equal((RoutingPhase.Closing, "8.2.1=0 8.3.0=100"), (closing.Phase, closing.Weights()));
        AssertWaitsForAll(closing, RoutingPhase.Steady);

        var steady = closing.AcknowledgeAll();
        Assert.Equal((VersionStatus.Retired, "8.3.0=100"), (steady.Status(V1), steady.Weights()));
        Assert.Equal(1, steady.Find(V1)!.Ordinal);
    }

    [Fact]
    public void Close_AnotherVersion_Refuses()
    {
        Assert.Equal("not_retirable", Rollout().Close(V2).Refusal!.Code);
        Assert.Equal("not_retirable", Rollout().Close(V3).Refusal!.Code);
        Assert.Equal("not_retirable", Steady().Close(V1).Refusal!.Code);
        Assert.Equal("not_retirable", Revoked().Close(V1).Refusal!.Code);
    }

    [Fact]
    public void Revoke_NewerOfTwo_IsRevokedWhenAllHaveAcknowledged()
    {
        var revoking = Taken(Rollout(weight: 60).Revoke(V2));
        Assert.Equal((RoutingPhase.Revoking, "8.2.1=100 8.3.0=0"), (revoking.Phase, revoking.Weights()));
        AssertWaitsForAll(revoking, RoutingPhase.Active);

        var revoked = revoking.AcknowledgeAll();
        Assert.Equal((VersionStatus.Revoked, "8.2.1=100"), (revoked.Status(V2), revoked.Weights()));
        Assert.Equal((1, 2), (revoked.Newest.Ordinal, revoked.TopOrdinal));
    }

    [Fact]
    public void Revoke_AnotherVersion_Refuses()
    {
        Assert.Equal("not_revocable", Rollout().Revoke(V1).Refusal!.Code);
        Assert.Equal("not_revocable", Steady().Revoke(V1).Refusal!.Code);
        Assert.Equal("not_revocable", Revoked().Revoke(V1).Refusal!.Code);
    }

    [Fact]
    public void Settle_RevokedLongAgo_ReturnsToTheSteadyState()
    {
        var revoked = Revoked();

        Assert.Same(revoked, revoked.Settle(Now.AddTicks(-1)));
        var settled = revoked.Settle(Now);
        Assert.Equal((RoutingPhase.Steady, 0, 1), (settled.Phase, settled.Find(V2)!.Ordinal, settled.TopOrdinal));
        Assert.Equal(VersionStatus.Revoked, settled.Status(V2));
        Assert.True(settled.Revision > revoked.Revision);
    }

    [Fact]
    public void Settle_NothingToSettle_ChangesNothing()
    {
        foreach (var state in new[] { Steady(), Rollout(), Revoked().Set((V1, 90), (V3, 10)) })
            Assert.Same(state, state.Settle(DateTimeOffset.MaxValue));
    }

    [Fact]
    public void Know_NewVersion_IsRegisteredWithoutWeight()
    {
        var state = Rollout();
        var known = state.Know([VersionId.Parse("8.2.5"), V1, VersionId.Parse("8.2.5")], Now);

        Assert.Equal(["8.2.1", "8.2.5", "8.3.0", "8.4.0"], known.Versions.Select(v => v.Version.ToString()));
        Assert.Equal(
            (VersionStatus.Registered, state.Weights()), (known.Status(VersionId.Parse("8.2.5")), known.Weights()));
        Assert.Equal(state.Revision + 1, known.Revision);
        Assert.Same(known, known.Know([V1, V2, V3], Now));
    }

    [Fact]
    public void EndSession_ManyKeys_RemembersTheLastThousand()
    {
        var state = Enumerable.Range(0, 1001).Aggregate(Steady(), (s, i) => s.EndSession($"{i:x32}"));

        Assert.Equal(1000, state.EndedSessions.Length);
        Assert.Equal($"{1:x32}", state.EndedSessions[0]);
        Assert.Same(state, state.EndSession($"{1000:x32}"));
    }

    [Fact]
    public void SetInstance_VersionNobodyKnows_BecomesKnown()
    {
        var version = VersionId.Parse("8.5.0");
        var state = Steady().SetInstance("new-1", o => o with { Address = "http://10.1.0.1", Version = version }, Now);

        Assert.Equal(VersionStatus.Registered, state.Status(version));
        Assert.Same(state, state.SetInstance("NEW-1", o => o with { Version = version }, Now));
        Assert.Empty(state.RemoveInstance("New-1").Instances);
    }
}
