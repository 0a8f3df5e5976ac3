using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Forwarding;

public sealed class RetryBudgetTests
{
    private const int FloorOfAll = RetryBudget.Floor * RetryBudget.Seconds;
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void TrySpend_NoTraffic_AllowsTheFloorAndThenNothing()
    {
        var budget = Budget(0.2);

        Assert.Equal(FloorOfAll, Spend(budget, 1000));
    }

    [Fact]
    public void TrySpend_RequestsOfTheLastSeconds_AddTheirShare()
    {
        var budget = Budget(0.2);
        for (var i = 0; i < 1000; i++)
            budget.Earn();
        _time.Advance(TimeSpan.FromSeconds(RetryBudget.Seconds - 1));

        Assert.Equal(FloorOfAll + 200, Spend(budget, 1000));
    }

    [Fact]
    public void TrySpend_AfterAWhile_WhatWasEarnedAndSpentIsForgotten()
    {
        var budget = Budget(0.2);
        for (var i = 0; i < 1000; i++)
            budget.Earn();
        Spend(budget, 1000);
        _time.Advance(TimeSpan.FromSeconds(RetryBudget.Seconds));

        Assert.Equal(FloorOfAll, Spend(budget, 1000));
    }

    [Fact]
    public void TrySpend_Zero_AllowsNothing() => Assert.Equal(0, Spend(Budget(0), 10));

    private static int Spend(RetryBudget budget, int times) =>
        Enumerable.Range(0, times).Count(_ => budget.TrySpend());

    private RetryBudget Budget(double share) => new(
        new GatewaySettings(
            new GatewayOptions { Retry = new RetryOptions { Budget = share } }, [], new SessionRules([], []), [], null,
            null, null),
        _time);
}
