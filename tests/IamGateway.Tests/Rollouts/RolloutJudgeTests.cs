using IamGateway.Rollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

public sealed class RolloutJudgeTests
{
    private static readonly RolloutLimits Limits = new(0.01, 2, 100, 0.01, RolloutFailureAction.Pause);

    private static Measurements Measured(
        long requests = 100, double errors = 0, double p99 = 0.1, long oldRequests = 100, double oldP99 = 0.1,
        long refusals = 0, long violations = 0) => new(
            new VersionFigures(V1, oldRequests, 0, oldP99), new VersionFigures(V2, requests, errors, p99), refusals,
            violations);

    private static (Verdict, string) Judge(Measurements measured, bool isHoldOver = true) =>
        RolloutJudge.Of(measured, Limits, isHoldOver);

    [Fact]
    public void Of_AllWithinTheLimits_Passes() =>
        Assert.Equal((Verdict.Passed, "100 requests of 8.3.0 are within the limits"), Judge(Measured(errors: 0.01)));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_TooFewRequests_IsNotJudged(bool isHoldOver) => Assert.Equal(
        (Verdict.NotEnough, "99 of 100 requests of 8.3.0"), Judge(Measured(requests: 99, errors: 1), isHoldOver));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_ErrorRateOverTheLimit_Fails(bool isHoldOver) => Assert.Equal(
        (Verdict.Failed, "error rate of 8.3.0 is 1.25 % of 400 requests, limit 1 %"),
        Judge(Measured(requests: 400, errors: 0.0125), isHoldOver));

    [Fact]
    public void Of_Violation_FailsWithoutAnyRequest() => Assert.Equal(
        (Verdict.Failed, "1 violations of the guarantee were counted, limit 0"),
        Judge(Measured(requests: 0, violations: 1), isHoldOver: false));

    [Fact]
    public void Of_Refusals_FailByTheirShareOfAllRequests()
    {
        Assert.Equal(Verdict.Passed, Judge(Measured(refusals: 2)).Item1);
        Assert.Equal(
            (Verdict.Failed, "refusal rate is 1.48 % of 203 requests, limit 1 %"), Judge(Measured(refusals: 3)));
        Assert.Equal(Verdict.NotEnough, Judge(Measured(requests: 0, oldRequests: 0, refusals: 99)).Item1);
        // When nothing gets through at all there is never a request of the new version to judge by.
        Assert.Equal(Verdict.Failed, Judge(Measured(requests: 0, oldRequests: 0, refusals: 100)).Item1);
    }

    [Fact]
    public void Of_RefusalsWithoutALimit_AreNotJudged() => Assert.Equal(
        Verdict.Passed,
        RolloutJudge.Of(Measured(refusals: 500), Limits with { MaxRefusalRate = null }, isHoldOver: true).Verdict);

    [Fact]
    public void Of_SlowerThanTheLimit_FailsAtTheEndOfTheHold() => Assert.Equal(
        (Verdict.Failed, "p99 of 8.3.0 is 250 ms, 2.5 times that of 8.2.1 (100 ms), limit 2 times"),
        Judge(Measured(p99: 0.25)));

    [Theory]
    [InlineData(999, Verdict.Passed)]
    [InlineData(1000, Verdict.Failed)]
    public void Of_SlowerThanTheLimitDuringTheHold_FailsWhenTheFirstRequestsCountNoMore(
        long requests, object verdict) =>
        Assert.Equal(verdict, Judge(Measured(requests: requests, p99: 2), isHoldOver: false).Item1);

    [Fact]
    public void Of_TooFewRequestsOfTheOldVersion_LatencyIsNotCompared() =>
        Assert.Equal(Verdict.Passed, Judge(Measured(p99: 2, oldRequests: 99)).Item1);

    [Fact]
    public void Of_BothFast_TheRatioMeansNothing() =>
        Assert.Equal(Verdict.Passed, Judge(Measured(p99: 0.0109, oldP99: 0.001)).Item1);

    [Fact]
    public void Of_NoMinimumAndNoRequest_Passes() => Assert.Equal(
        Verdict.Passed,
        RolloutJudge.Of(Measured(0, 0, 0, 0, 0), Limits with { MinRequests = 0 }, isHoldOver: true).Verdict);
}
