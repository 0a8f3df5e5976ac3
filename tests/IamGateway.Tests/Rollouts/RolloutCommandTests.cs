using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Tests.Routing;
using static IamGateway.Tests.Rollouts.SomeRollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

/// <summary>What people say to a rollout, in every state it can be in.</summary>
public sealed class RolloutCommandTests
{
    private static readonly Dictionary<string, Func<RoutingState>> Situations = new()
    {
        ["none"] = () => Steady(),
        ["checking"] = () => Begun().Next(),
        ["activating"] = () => Begun().Next().Next(),
        ["holding"] = () => Holding(),
        ["manual"] = () => Holding(Order(new RolloutStep(10, null), new RolloutStep(100, null))),
        ["requests"] = () => Holding().Next(Facts(TimeSpan.FromMinutes(10))),
        ["paused"] = () => Taken(Holding().PauseRollout("ann", "x", Now)),
        ["paused-checking"] = () => Taken(Begun().Next().PauseRollout("ann", "x", Now)),
        ["paused-draining"] = () => Taken(Draining().PauseRollout("ann", "x", Now)),
        ["draining"] = () => Draining(),
        ["closing"] = () => Draining().Next(Facts() with { SessionsLeft = 0 })
            .Next(Facts(TimeSpan.FromSeconds(3)) with { SessionsLeft = 0 }),
    };

    private static Change Say(RoutingState state, string command) => command switch
    {
        "begin" => state.BeginRollout(Order().Create("r2", state, "ann", Now, []), Now),
        "pause" => state.PauseRollout("bob", "paused by hand", Now),
        "resume" => state.ResumeRollout("bob", Now),
        "promote" => state.PromoteRollout("bob", Now),
        "abort" => state.AbortRollout("bob", "aborted by hand", Now),
        _ => state.RevokeRollout(state.LatestRollout!, "bob", Now),
    };

    /// <summary>The state it leads to and the weights that are set or coming, or the code of the refusal.</summary>
    [Theory]
    [InlineData("none", "begin", "checking 8.2.1=100")]
    [InlineData("none", "pause", "no_rollout")]
    [InlineData("none", "resume", "no_rollout")]
    [InlineData("none", "promote", "no_rollout")]
    [InlineData("none", "abort", "no_rollout")]
    [InlineData("checking", "begin", "rollout_running")]
    [InlineData("checking", "pause", "paused 8.2.1=100")]
    [InlineData("checking", "resume", "rollout_not_waiting")]
    [InlineData("checking", "promote", "progressing 8.3.0=100 coming")]
    [InlineData("checking", "abort", "aborted 8.2.1=100")]
    [InlineData("checking", "revoke", "not_revocable")]
    [InlineData("activating", "begin", "rollout_running")]
    [InlineData("activating", "pause", "paused 8.2.1=90 8.3.0=10 coming")]
    [InlineData("activating", "resume", "rollout_not_waiting")]
    [InlineData("activating", "promote", "progressing 8.3.0=100 coming")]
    [InlineData("activating", "abort", "aborted 8.2.1=100")]
    [InlineData("activating", "revoke", "change_in_progress")]
    [InlineData("holding", "begin", "rollout_running")]
    [InlineData("holding", "pause", "paused 8.2.1=90 8.3.0=10")]
    [InlineData("holding", "resume", "rollout_not_waiting")]
    [InlineData("holding", "promote", "progressing 8.2.1=0 8.3.0=100")]
    [InlineData("holding", "abort", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("holding", "revoke", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("manual", "begin", "rollout_running")]
    [InlineData("manual", "revoke", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("manual", "resume", "progressing 8.2.1=90 8.3.0=10")]
    [InlineData("manual", "pause", "paused 8.2.1=90 8.3.0=10")]
    [InlineData("manual", "promote", "progressing 8.2.1=0 8.3.0=100")]
    [InlineData("manual", "abort", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("requests", "resume", "progressing 8.2.1=90 8.3.0=10")]
    [InlineData("requests", "begin", "rollout_running")]
    [InlineData("requests", "pause", "paused 8.2.1=90 8.3.0=10")]
    [InlineData("requests", "promote", "progressing 8.2.1=0 8.3.0=100")]
    [InlineData("requests", "abort", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("requests", "revoke", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("paused", "begin", "rollout_running")]
    [InlineData("paused", "pause", "rollout_paused")]
    [InlineData("paused", "resume", "progressing 8.2.1=90 8.3.0=10")]
    [InlineData("paused", "promote", "progressing 8.2.1=0 8.3.0=100")]
    [InlineData("paused", "abort", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("paused", "revoke", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("paused-checking", "begin", "rollout_running")]
    [InlineData("paused-checking", "pause", "rollout_paused")]
    [InlineData("paused-checking", "promote", "progressing 8.3.0=100 coming")]
    [InlineData("paused-checking", "revoke", "not_revocable")]
    [InlineData("paused-checking", "resume", "checking 8.2.1=100")]
    [InlineData("paused-checking", "abort", "aborted 8.2.1=100")]
    [InlineData("paused-draining", "begin", "rollout_running")]
    [InlineData("paused-draining", "pause", "rollout_paused")]
    [InlineData("paused-draining", "revoke", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("paused-draining", "resume", "draining 8.2.1=0 8.3.0=100")]
    [InlineData("paused-draining", "promote", "rollout_at_100")]
    [InlineData("paused-draining", "abort", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("draining", "begin", "rollout_running")]
    [InlineData("draining", "pause", "paused 8.2.1=0 8.3.0=100")]
    [InlineData("draining", "resume", "rollout_not_waiting")]
    [InlineData("draining", "promote", "rollout_at_100")]
    [InlineData("draining", "abort", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("draining", "revoke", "aborted 8.2.1=100 8.3.0=0")]
    [InlineData("closing", "begin", "rollout_running")]
    [InlineData("closing", "pause", "change_in_progress")]
    [InlineData("closing", "resume", "rollout_not_waiting")]
    [InlineData("closing", "promote", "rollout_at_100")]
    [InlineData("closing", "abort", "change_in_progress")]
    [InlineData("closing", "revoke", "change_in_progress")]
    public void Command_InEverySituation_IsCarriedOutOrRefused(string situation, string command, string expected)
    {
        var state = Situations[situation]();

        var change = Say(state, command);

        Assert.Equal(expected, change.Refusal?.Code ?? Describe(change.State!));
        if (change.State is { } next)
        {
            var transition = next.LatestRollout!.Transitions[^1];
            Assert.Equal((command == "begin" ? "ann" : "bob", next.Revision), (transition.Who, transition.Revision));
        }
    }

    [Fact]
    public void Commands_AndSituations_HaveARowEach()
    {
        var rows = typeof(RolloutCommandTests).GetMethod(nameof(Command_InEverySituation_IsCarriedOutOrRefused))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>()
            .Select(a => $"{a.Data[0]} {a.Data[1]}");
        string[] commands = ["begin", "pause", "resume", "promote", "abort", "revoke"];

        // Without any rollout there is none to revoke.
        Assert.Equal(
            Situations.Keys.SelectMany(s => commands.Select(c => $"{s} {c}")).Where(r => r != "none revoke").Order(),
            rows.Order());
    }

    private static string Describe(RoutingState state)
    {
        var weights = state.PendingWeights is { } coming
            ? string.Join(' ', coming.Where(w => w.Value > 0).OrderBy(w => w.Key).Select(w => $"{w.Key}={w.Value}"))
                + " coming"
            : state.Weights();
        return $"{RolloutMove.Name(state.LatestRollout!.Status)} {weights}";
    }

    [Fact]
    public void Pause_ThenResume_HoldsAndCountsAnew()
    {
        var failed = Holding().Next(Facts(requests: 200, errors: 50));
        var resumed = Taken(failed.ResumeRollout("ann", Now)).Applied().Next(Facts(TimeSpan.FromHours(1)));

        Assert.Equal(Now.AddHours(1).AddMinutes(10), resumed.Rollout!.HoldEndsAt);
        Assert.Equal(0, resumed.Rollout.Step);
        resumed.AssertStays(Facts(TimeSpan.FromHours(1)));
    }

    [Fact]
    public void Promote_Applied_DrainsWithoutAnyHold()
    {
        var promoted = Taken(Holding().PromoteRollout("ann", Now)).Applied().Next(Facts() with { HasGates = true });

        Assert.Equal(RolloutStatus.Draining, promoted.Rollout!.Status);
        Assert.All(promoted.Rollout.Steps, s => Assert.Equal(RolloutStepStatus.Done, s.Status));
        // A step that was skipped never began.
        Assert.Null(promoted.Rollout.Steps[1].StartedAt);
    }

    [Fact]
    public void Abort_ActivationThatMustBe_LeavesItWithoutWeight()
    {
        // A fail-over in Prepare: a dead replica may have seen the activation, so it cannot be taken back.
        var prepared = Begun().Next().Next().AcknowledgeAll().Regenerate(["run-2"]);
        Assert.True(prepared.MustActivate);

        var aborted = Taken(prepared.AbortRollout("ann", "x", Now)).Applied();

        Assert.Equal((RolloutStatus.Aborted, "8.2.1=100 8.3.0=0"), (
            aborted.LatestRollout!.Status, aborted.Weights()));
    }

    [Fact]
    public void Abort_ThenAnotherToTheSameVersion_GoesOnFromThere()
    {
        var again = Taken(Aborted().BeginRollout(Order().Create("r2", Aborted(), "ann", Now, []), Now));

        Assert.Equal((V1, V2), (again.Rollout!.From, again.Rollout.To));
        Assert.Equal("8.2.1=90 8.3.0=10", again.Next().Next().Weights());
    }

    [Fact]
    public void Revoke_RolloutThatHasEnded_RevokesAndIsNotedThere()
    {
        var aborted = Aborted();
        var revoked = Taken(aborted.RevokeRollout(aborted.LatestRollout!, "root", Now));

        Assert.Equal(RoutingPhase.Revoking, revoked.Phase);
        Assert.Equal("8.3.0 was revoked, its sessions end", revoked.LastReason());
        Assert.Single(revoked.EndedRollouts);
        Assert.Equal(VersionStatus.Revoked, revoked.Applied().Status(V2));
    }

    [Fact]
    public void SetWeights_RolloutUnderWay_PausesItAndSaysWho()
    {
        var state = Holding().Set((V1, 70), (V2, 30)).PauseForWeights("carol", Now);

        Assert.Equal((RolloutStatus.Paused, "weights were set by carol"), (state.Rollout!.Status, state.LastReason()));
        Assert.Equal("8.2.1=70 8.3.0=30", state.Weights());
        Assert.Equal("8.2.1=90 8.3.0=10", Taken(state.ResumeRollout("ann", Now)).Weights());
    }

    [Fact]
    public void SetWeights_NoRolloutOrPausedOne_ChangesNothingOfIt()
    {
        var paused = Taken(Holding().PauseRollout("ann", "x", Now));

        Assert.Same(paused, paused.PauseForWeights("carol", Now));
        var steady = Steady();
        Assert.Same(steady, steady.PauseForWeights("carol", Now));
    }

    [Fact]
    public void Ended_ManyRollouts_KeepsTheLastFive()
    {
        var state = Steady();
        for (var i = 0; i < 12; i++)
        {
            state = Taken(state.BeginRollout(Order().Create($"r{i}", state, "ann", Now, []), Now));
            state = Taken(state.AbortRollout("ann", "x", Now));
        }

        Assert.Equal(Enumerable.Range(7, 5).Select(i => $"r{i}"), state.EndedRollouts.Select(r => r.Id));
    }

    [Fact]
    public void Transitions_VeryMany_KeepTheLatest()
    {
        var state = Holding();
        for (var i = 0; i < 60; i++)
            state = Taken(Taken(state.PauseRollout("ann", $"pause {i}", Now)).ResumeRollout("ann", Now)).Applied();

        Assert.Equal(100, state.Rollout!.Transitions.Length);
        Assert.Equal("pause 59", state.Rollout.Transitions[^2].Reason);
    }
}
