using System.Globalization;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// Chaos that never finds anything is not trusted: without a rule of the guarantee it must see it broken.
/// </summary>
[Collection(ChaosAlone.Name)]
public sealed class ChaosJudgeTests
{
    [Theory]
    [InlineData("Barrier")]
    [InlineData("Generation")]
    public async Task Rollouts_WithoutARule_TheJudgeFindsABreach(string rule)
    {
        var seed = Random.Shared.Next(1_000_000);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
        var settings = new Dictionary<string, string?> { ["IamGateway:TestOnly:DisabledRules:0"] = rule };
        await using var round = new ChaosRound("standalone", 2, seed, settings);

        await round.RunUntilBreachAsync(TimeSpan.FromSeconds(60));

        var verdict = await round.JudgeAsync();
        Assert.False(verdict.IsClean, $"seed {seed}: {verdict}");
    }
}
