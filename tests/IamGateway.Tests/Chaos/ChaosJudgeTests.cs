using System.Globalization;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// Chaos that never finds anything is not trusted: without the barrier it must see the guarantee broken, which takes it
/// seconds. The other rules break in rare courses of events, which <see cref="Histories.ProtocolRuleTests"/> plays.
/// </summary>
[Collection(ChaosAlone.Name)]
public sealed class ChaosJudgeTests
{
    [Fact]
    public async Task Rollouts_WithoutTheBarrier_TheJudgeFindsABreach()
    {
        var seed = Random.Shared.Next(1_000_000);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
        var settings = new Dictionary<string, string?> { ["IamGateway:TestOnly:DisabledRules:0"] = "Barrier" };
        await using var round = new ChaosRound("standalone", 2, seed, settings);

        await round.RunUntilBreachAsync(TimeSpan.FromSeconds(60));

        var verdict = await round.JudgeAsync();
        Assert.False(verdict.IsClean, $"seed {seed}: {verdict}");
    }
}
