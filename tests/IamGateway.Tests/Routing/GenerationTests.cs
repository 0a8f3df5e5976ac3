using IamGateway.Configuration;
using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

public sealed class GenerationTests
{
    [Fact]
    public void Continues_HigherSequenceOfAnotherHistory_False()
    {
        var common = RolloutStates.Active() with { Sequence = 10 };
        var lost = common with { Sequence = 12 };
        var other = common.FailedOver() with { Sequence = 20 };

        Assert.True(lost.Continues(common));
        Assert.False(common.Continues(lost));
        Assert.True(other.Continues(common));
        Assert.False(other.Continues(lost));
    }

    [Fact]
    public void Merge_TwoHistories_ContinuesBoth()
    {
        var common = RolloutStates.Active() with { Sequence = 10 };
        var lost = common with { Sequence = 12 };
        var other = common.FailedOver() with { Sequence = 20 };

        var merged = RoutingState.Merge(lost, other, ["run-3"]);

        Assert.True(merged.Continues(lost));
        Assert.True(merged.Continues(other));
        Assert.False(merged.Continues(lost with { Sequence = 13 }));
    }

    [Fact]
    public void CancelActivation_PrepareOfThisGeneration_IsTakenBack() =>
        Assert.Equal(RoutingPhase.Steady, RolloutStates.Preparing().CancelActivation().Phase);

    [Fact]
    public void CancelActivation_FailOverSincePrepare_ThereIsNoWayBack()
    {
        var failedOver = RolloutStates.Preparing().FailedOver();

        Assert.Same(failedOver, failedOver.CancelActivation());
        Assert.Equal(RoutingPhase.Active, failedOver.Acknowledged().Phase);
    }

    [Fact]
    public void View_FailOverSincePrepare_UnknownSessionsWait()
    {
        var prepared = RolloutStates.Preparing();

        Assert.False(View(prepared).Terms.UnknownWaits);
        Assert.True(View(prepared.FailedOver()).Terms.UnknownWaits);
        Assert.False(View(prepared.FailedOver().Acknowledged()).Terms.UnknownWaits);
    }

    [Fact]
    public void Commands_GenerationNotAcknowledged_NoPhaseBegins()
    {
        var steady = RolloutStates.Steady().Know([RolloutStates.New], default).FailedOver();
        var active = RolloutStates.Active().FailedOver();
        var weights = new Dictionary<VersionId, int> { [RolloutStates.Old] = 50, [RolloutStates.New] = 50 };

        Assert.Equal("store_generation", steady.SetWeights(weights).Refusal?.Code);
        Assert.Equal("store_generation", active.Close(RolloutStates.Old).Refusal?.Code);
        Assert.Equal("store_generation", active.Revoke(RolloutStates.New).Refusal?.Code);
        Assert.Null(active.Acknowledged().Close(RolloutStates.Old).Refusal);
    }

    [Fact]
    public void Register_StoreOfOneProcess_AllOthersAreDead()
    {
        var state = RolloutStates.Steady().Register("b", "b", default, exclusive: true).State;

        Assert.Equal(["a"], state.Replicas.Where(r => r.Forgotten).Select(r => r.Name));
    }

    private static RoutingView View(RoutingState state) => new(state, null, new GatewayOptions());
}
