using IamGateway.Rollouts;
using static IamGateway.Tests.Rollouts.SomeRollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

public sealed class MeasurementsTests
{
    private static Measurements Since(MeasuringStart start, params IamGateway.Reports.ReplicaReport[] reports) =>
        Measurements.Of(start, reports, V1, V2);

    [Fact]
    public void Of_TwoReplicas_AddsWhatEachHasCountedSinceTheStart()
    {
        var start = MeasuringStart.Of(
            100, [Report(50, errors: 5, refusals: 2, replica: 1), Report(10, replica: 2)], V1, V2);

        var measured = Since(
            start, Report(150, errors: 6, refusals: 3, violations: 1, replica: 1), Report(110, errors: 1, replica: 2));

        Assert.Equal((200, 0.01), (measured.New.Requests, measured.New.ErrorRate));
        Assert.Equal((200, 0.0), (measured.Old.Requests, measured.Old.ErrorRate));
        Assert.Equal((1, 1), (measured.Refusals, measured.Violations));
    }

    [Fact]
    public void Of_ReplicaThatCameLater_CountsFromItsBeginning()
    {
        var start = MeasuringStart.Of(100, [Report(50, replica: 1)], V1, V2);

        Assert.Equal(30, Since(start, Report(50, replica: 1), Report(30, replica: 100)).New.Requests);
    }

    [Fact]
    public void Of_ReplicaThatWasSilentAtTheStart_IsLeftOut()
    {
        var start = MeasuringStart.Of(100, [Report(50, replica: 1)], V1, V2);

        Assert.Equal(10, Since(start, Report(60, replica: 1), Report(3000, errors: 3000, replica: 2)).New.Requests);
    }

    [Fact]
    public void Of_NoRequests_HasNoErrorsAndNoLatency()
    {
        var measured = Since(MeasuringStart.Of(100, [], V1, V2));

        Assert.Equal((0, 0.0, 0.0), (measured.New.Requests, measured.New.ErrorRate, measured.New.P99));
    }

    [Fact]
    public void Start_OtherVersionsAndInstances_AreNotKept()
    {
        var report = Report(50, replica: 1) with { Instances = [new("a", 0, 0, 0)] };
        var kept = Assert.Single(MeasuringStart.Of(100, [report], V1, V3).Reports);

        Assert.Equal(V1, Assert.Single(kept.Versions).Version);
        Assert.Empty(kept.Instances);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(100, 0, 0.00099)]
    [InlineData(99, 1, 0.001)]
    [InlineData(98, 2, 0.0375)]
    [InlineData(0, 100, 0.04975)]
    public void P99_FastAndSlowRequests_LiesInTheBucketOfTheLastPercent(int fast, int slow, double seconds)
    {
        var durations = new long[14];
        durations[0] = fast;
        durations[5] = slow;

        Assert.Equal(seconds, Measurements.P99(durations), 6);
    }

    [Fact]
    public void P99_AboveTheLastBound_IsTheBound()
    {
        var durations = new long[14];
        durations[13] = 10;

        Assert.Equal(10, Measurements.P99(durations));
    }
}
