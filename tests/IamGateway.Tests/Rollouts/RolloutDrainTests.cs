using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Tests.Routing;
using static IamGateway.Tests.Rollouts.SomeRollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

/// <summary>The end of a rollout: the old version is retired when it is empty, or when its time is over.</summary>
public sealed class RolloutDrainTests
{
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(3);
    private static readonly RoutingState Started = Draining();

    private static RoutingState Counted(long sessions) => Started.Next(Facts() with { SessionsLeft = sessions });

    [Fact]
    public void Drain_AfterTheLastStep_HasAllWeightOnTheNewVersionAndADeadline()
    {
        Assert.Equal("8.2.1=0 8.3.0=100", Started.Weights());
        Assert.Equal((RolloutStatus.Draining, RolloutWait.Drain), (
            Started.Rollout!.Status, Started.Rollout.WaitingFor));
        Assert.Equal(Now.AddHours(8), Started.Rollout.Drain!.Deadline);
        Assert.All(Started.Rollout.Steps, s => Assert.Equal(RolloutStepStatus.Done, s.Status));
    }

    [Fact]
    public void Drain_SessionsLeft_StaysUntilTheDeadline()
    {
        var counted = Counted(7);

        Assert.Equal(7, counted.Rollout!.Drain!.SessionsAtStart);
        counted.AssertStays(Facts(TimeSpan.FromHours(7)) with { SessionsLeft = 1 });
        counted.AssertStays(Facts(TimeSpan.FromHours(7)) with { SessionsLeft = null });
    }

    [Fact]
    public void Drain_NothingLeft_ClosesAndCompletesWhenRetired()
    {
        var closing = Counted(7).Next(Facts(Settled) with { SessionsLeft = 0 });

        Assert.Equal(RoutingPhase.Closing, closing.Phase);
        Assert.Equal("no session is left on 8.2.1; it is closed", closing.LastReason());
        closing.AssertStays();
        var completed = closing.Applied().Next();
        Assert.Equal((RoutingPhase.Steady, VersionStatus.Retired), (completed.Phase, completed.Status(V1)));
        Assert.Equal((RolloutStatus.Completed, null), (completed.LatestRollout!.Status, completed.Rollout));
    }

    [Fact]
    public void Drain_ReplicaHasARequestAtWorkThere_DoesNotCloseAsEmpty()
    {
        var report = Report(0);
        var busy = report with { Versions = [report.Versions[0] with { InFlight = 1 }, report.Versions[1]] };

        Counted(7).AssertStays(Facts(Settled) with { SessionsLeft = 0, Reports = [busy] });
    }

    [Fact]
    public void Drain_ReplicaIsSilent_DoesNotCloseAsEmpty() =>
        Counted(7).AssertStays(Facts(Settled) with { SessionsLeft = 0, UnreachableReplicas = ["gw-2"] });

    [Fact]
    public void Drain_ReportsMayBeOfBefore_DoesNotCloseAsEmpty() =>
        Counted(7).AssertStays(Facts(Settled - TimeSpan.FromTicks(1)) with { SessionsLeft = 0 });

    [Fact]
    public void Drain_ReplicaHasNotAppliedTheWeights_DoesNotCloseAsEmpty()
    {
        var paused = Taken(Counted(7).PauseRollout("ann", "paused", Now)).Set((V1, 50), (V2, 50)).Applied();
        var resumed = Taken(paused.ResumeRollout("ann", Now)).Next();

        Assert.Equal("8.2.1=0 8.3.0=100", resumed.Weights());
        resumed.AssertStays(Facts(Settled) with { SessionsLeft = 0 });
        Assert.Equal(RoutingPhase.Closing, resumed.Applied().Next(Facts(Settled) with { SessionsLeft = 0 }).Phase);
    }

    [Fact]
    public void Drain_DeadlinePassed_ClosesWithWhatIsLeft()
    {
        var closing = Counted(7).Next(Facts(TimeSpan.FromHours(8)) with { SessionsLeft = 3 });

        Assert.Equal(RoutingPhase.Closing, closing.Phase);
        Assert.Equal(
            "the drain deadline of 8h has passed; 8.2.1 is closed and what is left of it moves up",
            closing.LastReason());
    }

    [Fact]
    public void Drain_DeadlinePassedAndAReplicaIsSilent_WaitsAndSaysForWhom()
    {
        var late = Facts(TimeSpan.FromHours(8)) with { SessionsLeft = 3 };
        var waiting = Counted(7).Next(late with { UnreachableReplicas = ["gw-2"] });

        Assert.True(waiting.IsQuiet);
        Assert.Equal(RolloutWait.Drain, waiting.Rollout!.WaitingFor);
        Assert.Equal(
            "the drain deadline has passed; 8.2.1 is closed when gw-2 answers or is forgotten",
            waiting.Rollout.Message);
        waiting.AssertStays(late with { UnreachableReplicas = ["gw-2"] });
        var closing = waiting.Next(late);
        Assert.Equal((RoutingPhase.Closing, null), (closing.Phase, closing.Rollout!.Message));
    }

    [Fact]
    public void Drain_NewVersionGoesBad_PausesAndIsNotClosed()
    {
        var paused = Counted(7).Next(Facts(requests: 200, errors: 20));

        Assert.Equal((RolloutStatus.Paused, RolloutStatus.Draining), (
            paused.Rollout!.Status, paused.Rollout.PausedFrom));
        paused.AssertStays(Facts(TimeSpan.FromDays(1)) with { SessionsLeft = 0 });
    }

    [Fact]
    public void SessionsBelow_VersionsOfAllKinds_CountsWhatWouldBeFoundOnTheOldOne()
    {
        var state = Started with
        {
            Versions =
            [
                new VersionEntry(VersionId.Parse("8.1.0"), VersionStatus.Retired, 0, 1, Now),
                new VersionEntry(VersionId.Parse("8.1.5"), VersionStatus.Revoked, 0, 2, Now),
                new VersionEntry(V1, VersionStatus.Active, 0, 3, Now),
                new VersionEntry(V2, VersionStatus.Active, 100, 4, Now),
            ],
        };
        var counts = new Dictionary<int, long> { [1] = 1, [2] = 10, [3] = 100, [4] = 1000 };

        Assert.Equal(101, RolloutPlan.SessionsBelow(state, Started.Rollout!, counts));
    }
}
