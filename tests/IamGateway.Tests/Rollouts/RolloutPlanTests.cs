using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Tests.Routing;
using static IamGateway.Tests.Rollouts.SomeRollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

/// <summary>What the executor does next, step by step.</summary>
public sealed class RolloutPlanTests
{
    private static readonly TimeSpan Hold = TimeSpan.FromMinutes(10);

    [Fact]
    public void Begin_SteadyState_ChangesNoRevisionAndNoWeight()
    {
        var begun = Begun();

        Assert.Equal(Steady().Revision, begun.Revision);
        Assert.Equal("8.2.1=100", begun.Weights());
        Assert.Equal((RolloutStatus.Checking, null), (begun.Rollout!.Status, begun.Rollout.Step));
    }

    [Fact]
    public void Next_NobodyCarriesItOut_IsTakenOverFirst() =>
        Assert.Equal(Executor, Begun().Next().Rollout!.Executor);

    [Fact]
    public void Next_ReplicaThatIsNotTheExecutor_TakesOverAndDoesNothingElse()
    {
        var taken = Holding().Next(Facts(Hold, requests: 100) with { Executor = "gateway-2" });

        Assert.Equal("gateway-2", taken.Rollout!.Executor);
        Assert.Equal("8.2.1=90 8.3.0=10", taken.Weights());
    }

    [Fact]
    public void Next_Checked_SetsTheFirstWeightAndWaitsForEveryReplica()
    {
        var entered = Begun().Next().Next();

        Assert.Equal((RoutingPhase.Flush, V2), (entered.Phase, entered.Pending));
        Assert.Equal((0, RolloutWait.Replicas), (entered.Rollout!.Step, entered.Rollout.WaitingFor));
        entered.AssertStays();
        entered.AcknowledgeAll().AssertStays();
        var active = entered.AcknowledgeAll().AcknowledgeAll();
        Assert.Equal(RoutingPhase.Active, active.Phase);
        active.Acknowledge(active.Replicas[0].Id, active.Revision, Now).AssertStays();
        Assert.Equal(RolloutWait.Hold, active.AcknowledgeAll().Next().Rollout!.WaitingFor);
    }

    [Fact]
    public void Next_ActivationLostWithTheStore_IsBegunAgain()
    {
        var entered = Begun().Next().Next();
        var lost = entered.CancelActivation();

        var again = lost.Applied().Next();

        Assert.Equal((RoutingPhase.Flush, V2), (again.Phase, again.Pending));
    }

    [Fact]
    public void Hold_NotOver_StaysHoweverManyRequests()
    {
        Holding().AssertStays(Facts(Hold - TimeSpan.FromTicks(1), requests: 5000));
    }

    [Fact]
    public void Hold_OverWithEnoughGoodRequests_SetsTheNextWeight()
    {
        var next = Holding().Next(Facts(Hold, requests: 100));

        Assert.Equal("8.2.1=50 8.3.0=50", next.Weights());
        Assert.Equal(
            [RolloutStepStatus.Done, RolloutStepStatus.Current, RolloutStepStatus.Pending],
            next.Rollout!.Steps.Select(s => s.Status));
        Assert.Equal("step 2 of 3, 50 %: 100 requests of 8.3.0 are within the limits", next.LastReason());
        Assert.Equal(next.Revision, next.Rollout.Transitions[^1].Revision);
    }

    [Fact]
    public void Hold_OverWithTooFewRequests_WaitsForMore()
    {
        var waiting = Holding().Next(Facts(Hold, requests: 99));

        Assert.Equal(RolloutWait.Requests, waiting.Rollout!.WaitingFor);
        waiting.AssertStays(Facts(Hold * 5, requests: 99));
        Assert.Equal(1, waiting.Next(Facts(Hold * 5, requests: 100)).Rollout!.Step);
    }

    [Fact]
    public void Requests_SomebodyResumes_GoesOnWithoutThem()
    {
        var resumed = Taken(Holding().Next(Facts(Hold, requests: 3)).ResumeRollout("ann", Now));

        Assert.Equal(1, resumed.Next(Facts(Hold, requests: 3)).Rollout!.Step);
    }

    [Fact]
    public void Hold_ErrorsOverTheLimit_PausesAtOnceAndSaysTheFigure()
    {
        var paused = Holding().Next(Facts(TimeSpan.FromSeconds(1), requests: 412, errors: 21));

        Assert.Equal((RolloutStatus.Paused, RolloutStatus.Progressing), (
            paused.Rollout!.Status, paused.Rollout.PausedFrom));
        Assert.Equal("error rate of 8.3.0 is 5.1 % of 412 requests, limit 1 %", paused.LastReason());
        Assert.Equal("8.2.1=90 8.3.0=10", paused.Weights());
        Assert.Equal((412, 21 / 412.0), (
            paused.Rollout.Measured!.New.Requests, paused.Rollout.Measured.New.ErrorRate));
        paused.AssertStays(Facts(Hold * 100, requests: 10_000));
    }

    [Fact]
    public void Hold_ErrorsOverTheLimitAndAbortOrdered_FailsWithTheOldWeights()
    {
        var order = Order() with { Analysis = Limits with { OnFailure = RolloutFailureAction.Abort } };
        var failed = Holding(order).Next(Facts(requests: 100, errors: 2));

        Assert.Null(failed.Rollout);
        Assert.Equal((RolloutStatus.Failed, "8.2.1=100 8.3.0=0"), (failed.LatestRollout!.Status, failed.Weights()));
        Assert.Equal("error rate of 8.3.0 is 2 % of 100 requests, limit 1 %", failed.LastReason());
    }

    [Fact]
    public void Manual_NobodySaysGoOn_StaysForEver()
    {
        var manual = Holding(Order(new RolloutStep(10, null), new RolloutStep(100, TimeSpan.Zero)));

        Assert.Equal((RolloutWait.Manual, null), (manual.Rollout!.WaitingFor, manual.Rollout.HoldEndsAt));
        manual.AssertStays(Facts(TimeSpan.FromDays(30), requests: 100_000));
        Assert.Equal(1, Taken(manual.ResumeRollout("ann", Now)).Next(Facts(requests: 5)).Rollout!.Step);
    }

    [Fact]
    public void Manual_VersionGoesBad_Pauses() => Assert.Equal(
        RolloutStatus.Paused,
        Holding(Order(new RolloutStep(10, null), new RolloutStep(100, null)))
            .Next(Facts(requests: 100, errors: 50)).Rollout!.Status);

    [Fact]
    public void Gate_NotAsked_Waits_Refused_SaysWhy_Passed_GoesOn()
    {
        var facts = Facts(Hold, requests: 100) with { HasGates = true };
        var waiting = Holding().Next(facts);

        Assert.Equal((RolloutWait.Gate, 0), (waiting.Rollout!.WaitingFor, waiting.Rollout.Step));
        Assert.Equal(1, RolloutPlan.StepAtGate(waiting));
        waiting.AssertStays(facts);
        waiting.AssertStays(facts with { Gate = new GateAnswer(0, null) });
        var refused = waiting.Next(facts with { Gate = new GateAnswer(1, "gate 0 (ops): not now") });
        Assert.Equal("gate 0 (ops): not now", refused.Rollout!.Message);
        refused.AssertStays(facts with { Gate = new GateAnswer(1, "gate 0 (ops): not now") });
        var passed = refused.Next(facts with { Gate = new GateAnswer(1, null) });
        Assert.Equal((1, null), (passed.Rollout!.Step, passed.Rollout.Message));
    }

    [Fact]
    public void Gate_BeforeTheFirstStep_HoldsEverythingBack()
    {
        var waiting = Begun().Next().Next(Facts() with { HasGates = true });

        Assert.Equal((RolloutStatus.Checking, RolloutWait.Gate), (
            waiting.Rollout!.Status, waiting.Rollout.WaitingFor));
        Assert.Equal((RoutingPhase.Steady, 0), (waiting.Phase, RolloutPlan.StepAtGate(waiting)));
    }

    [Fact]
    public void Step_NoUsableInstanceOfTheTarget_PausesBeforeIt()
    {
        var paused = Holding().Next(Facts(Hold, requests: 100) with { HasTarget = false });

        Assert.Equal("no usable instance of 8.3.0 is there before step 2", paused.LastReason());
        Assert.Equal("8.2.1=90 8.3.0=10", paused.Weights());
    }

    [Fact]
    public void Step_AnotherVersionBecameActive_PausesWithTheReason()
    {
        var begun = Begun().Next();
        var other = begun.Set((V1, 50), (V3, 50)).Applied();

        var paused = other.Next();

        Assert.Equal(RolloutStatus.Paused, paused.Rollout!.Status);
        Assert.Contains("At most two versions", paused.LastReason(), StringComparison.Ordinal);
    }

    [Fact]
    public void Step_StoreFailedOver_IsTriedAgain()
    {
        var begun = Begun().Next().Regenerate(["run-2"]);

        Assert.Equal("store_generation", RolloutPlan.Next(begun, Facts()).Refusal?.Code);
        Assert.Equal(0, begun.Applied().Next().Rollout!.Step);
    }

    [Fact]
    public void Target_RevokedByHand_Fails()
    {
        var revoked = Taken(Holding().Revoke(V2)).Applied();

        var failed = revoked.Next();

        Assert.Equal((RolloutStatus.Failed, "8.3.0 was ended by hand"), (
            failed.LatestRollout!.Status, failed.LastReason()));
    }

    [Fact]
    public void Source_RetiredByHand_Completes()
    {
        var retired = Taken(Holding().Close(V1)).Applied();

        Assert.Equal(RolloutStatus.Completed, retired.Next().LatestRollout!.Status);
    }
}
