using CsCheck;
using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Rollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Routing;

public sealed class RoutingViewTests
{
    private const int Buckets = 10_000;

    [Fact]
    public void Target_EveryWeight_SharesAreExactOverAllBuckets()
    {
        for (var weight = 0; weight <= 100; weight++)
        {
            var targets = Targets(Rollout(weight: weight));

            Assert.Equal(weight * 100, targets.Count(t => t == 2));
            Assert.Equal(Buckets - weight * 100, targets.Count(t => t == 1));
        }
    }

    [Fact]
    public void Target_AnyChangeOfWeights_RaisingOnlyAddsAndLoweringOnlyTakesTheLast() =>
        Gen.Select(Gen.Int[0, 100], Gen.Int[0, 100]).Sample((a, b) =>
        {
            var state = Rollout().Set((V1, 100 - a), (V2, a));
            var (before, after) = (Targets(state), Targets(state.Set((V1, 100 - b), (V2, b))));
            for (var u = 0; u < Buckets; u++)
                Assert.Equal(u >= a * 100 && u < b * 100 || u >= b * 100 && u < a * 100, before[u] != after[u]);
            // Stacked from the newest down: the lowest buckets are the newest version's.
            Assert.Equal(after.OrderDescending(), after);
        });

    [Fact]
    public void Cut_LoweringTheWeight_MovesNobodyBackBecausePinsOnlyRise()
    {
        var high = View(Rollout(weight: 50));
        var low = View(high.State.Set((V1, 95), (V2, 5)));

        // A session with bucket 2,000 was raised under the first; nothing under the second leads below its pin.
        Assert.Equal((5000, 500, 2), (high.Terms.Cut, low.Terms.Cut, low.Terms.RaiseTo));
    }

    [Fact]
    public void Terms_Stay_NewSessionsGoByWeightAndNoneIsMoved()
    {
        var view = View(Rollout(weight: 50) with { MigrateExisting = false });

        Assert.Equal((5000, 0), (view.NewCut, view.Terms.Cut));
    }

    [Theory]
    [InlineData(true, 1000)]
    [InlineData(false, 0)]
    public void Terms_RolloutUnderWay_ItsWordGoesBeforeTheConfigurations(bool migrates, int cut)
    {
        var (ordered, configured) = migrates
            ? (ExistingSessions.Migrate, ExistingSessions.Stay)
            : (ExistingSessions.Stay, ExistingSessions.Migrate);
        var order = SomeRollouts.Order() with { ExistingSessions = ordered };
        var options = new GatewayOptions { Migration = new MigrationOptions { ExistingSessions = configured } };

        var terms = new RoutingView(SomeRollouts.Holding(order), null, options).Terms;

        Assert.Equal(cut, terms.Cut);
    }

    [Fact]
    public void View_Steady_IsLaxAndFinal()
    {
        var view = View(Steady());

        Assert.Equal((false, false), (view.IsStrict, view.NamesFirst));
        Assert.Equal((1, 0, 1, 1), (view.Newest, view.Older, view.Top, view.Final));
        Assert.All(Targets(view.State), t => Assert.Equal(1, t));
    }

    [Fact]
    public void View_Flush_RecordsNamesFirstAndAsksNobody()
    {
        var view = View(Steady().Set((V1, 90), (V2, 10)));

        Assert.Equal((false, true), (view.IsStrict, view.NamesFirst));
        Assert.Equal((1, 1, 1), (view.Newest, view.Top, view.Final));
    }

    [Fact]
    public void View_Prepare_NothingIsFinalAndNobodyIsRaised()
    {
        var view = View(Steady().Set((V1, 0), (V2, 100)).AcknowledgeAll());

        Assert.Equal((true, true), (view.IsStrict, view.NamesFirst));
        Assert.Equal((1, 0, 2, 0), (view.Newest, view.Older, view.Top, view.Final));
        Assert.Equal(0, view.Terms.RaiseTo);
        Assert.All(Targets(view.State), t => Assert.Equal(1, t));
    }

    [Fact]
    public void View_Closing_EverybodyGoesUp()
    {
        var view = View(Taken(Rollout(weight: 10).Close(V1)));

        Assert.True(view.IsClosing);
        Assert.Equal((Buckets, 2, Buckets), (view.Terms.Cut, view.Terms.RaiseTo, view.NewCut));
    }

    [Fact]
    public void View_ClosingOfAStayingRollout_EverybodyGoesUpAllTheSame() =>
        Assert.Equal(Buckets, View(Taken((Rollout() with { MigrateExisting = false }).Close(V1))).Terms.Cut);

    [Fact]
    public void View_Revoking_NobodyIsRaisedAndNewSessionsGoToTheOlder()
    {
        var view = View(Taken(Rollout(weight: 90).Revoke(V2)));

        Assert.Equal((1, 2, 0), (view.Newest, view.Top, view.Terms.RaiseTo));
        Assert.True(view.Terms.UnknownWaits);
        Assert.All(Targets(view.State), t => Assert.Equal(1, t));
    }

    [Fact]
    public void View_Revoked_UnknownSessionsEndAndNothingIsFinal()
    {
        var view = View(Revoked());

        Assert.Equal((1, 2, 0), (view.Newest, view.Top, view.Final));
        Assert.True(view.Terms.UnknownEnds);
        Assert.Equal([2], view.Terms.Revoked);
        Assert.Equal(V1, view.VersionOf(1));
    }

    [Fact]
    public void View_GenerationNotAcknowledged_ClaimsWait()
    {
        var state = Rollout().Regenerate(["run-2", "run-3"]);

        Assert.False(View(state).Terms.GenerationAcknowledged);
        Assert.True(View(state.AcknowledgeAll()).Terms.GenerationAcknowledged);
        Assert.Equal((state.Generation.Tag, "run-2 run-3"), (View(state).Terms.Generation, View(state).Terms.RunIds));
    }

    [Fact]
    public void Names_NewVersionPrepared_AreForgotten()
    {
        var steady = View(Steady());
        var flush = View(steady.State.Set((V1, 90), (V2, 10)), steady);
        var prepare = View(flush.State.AcknowledgeAll(), flush);
        var active = View(prepare.State.AcknowledgeAll(), prepare);

        Assert.Same(steady.Names, flush.Names);
        Assert.NotSame(flush.Names, prepare.Names);
        Assert.Same(prepare.Names, active.Names);
    }

    [Fact]
    public void Names_StateOfAnotherHistory_AreForgotten()
    {
        var view = View(Steady());

        Assert.NotSame(view.Names, View(view.State with { Id = "another" }, view).Names);
    }

    [Fact]
    public void Ended_Keys_AreReadBack()
    {
        var key = SessionKey.Of(new byte[32], "session", "abc");

        Assert.Equal([key], View(Steady().EndSession(key.ToString())).Ended);
    }

    [Fact]
    public void IsLive_Lease_CountsForRegisteredAndLaterReplicasOnly()
    {
        var state = Steady();
        var terms = View(state.Remove(state.Replicas[0].Id, Now)).Terms;

        Assert.False(terms.IsLive(state.Replicas[0].Id));
        Assert.True(terms.IsLive(state.Replicas[1].Id));
        Assert.True(terms.IsLive(terms.NextReplica));
        Assert.False(terms.IsLive(terms.NextReplica - 1));
    }

    private static RoutingView View(RoutingState state, RoutingView? previous = null) =>
        new(state, previous, new GatewayOptions { Store = new StoreOptions { CachedNames = 100 } });

    private static int[] Targets(RoutingState state)
    {
        var view = View(state);
        return [.. Enumerable.Range(0, Buckets).Select(u => u < view.NewCut ? view.Newest : view.Older)];
    }
}
