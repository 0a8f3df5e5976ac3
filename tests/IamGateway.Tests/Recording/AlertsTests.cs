using System.Text.RegularExpressions;

namespace IamGateway.Tests.Recording;

/// <summary>What whoever is called at night relies on: alerts are tested and say what it is and what to do.</summary>
public sealed partial class AlertsTests
{
    private static readonly string Rules = Repository.Read("config/prometheus/alerts.yml");

    public static TheoryData<string> Alerts() => [.. Alert().Matches(Rules).Select(m => m.Groups[1].Value)];

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Alert_ItsTest_SeesItFireAndStaySilent(string alert)
    {
        var expectations = Regex.Matches(
            Repository.Read("config/prometheus/alerts.test.yml"), $@"alertname: {alert}\n +exp_alerts:(.*)");

        Assert.Contains(expectations, e => e.Groups[1].Value.Trim() == "[]");
        Assert.Contains(expectations, e => e.Groups[1].Value.Trim() != "[]");
    }

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Alert_Runbook_SaysWhatItMeansAndWhatToDo(string alert)
    {
        var sections = Repository.Read("config/alerts.md").Split("\n## ");

        var section = Assert.Single(sections, s => s.StartsWith(alert + "\n", StringComparison.Ordinal));

        Assert.All(
            ["**Meaning:**", "**Users notice", "**First steps:**", "**Ends**"],
            part => Assert.Contains(part, section, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Alert_Rule_HasSeverityAndNamesWhatItIsAbout(string alert)
    {
        var rule = Rules[Rules.IndexOf($"- alert: {alert}\n", StringComparison.Ordinal)..].Split("- alert: ")[1];

        Assert.Matches(@"severity: (critical|warning)\n", rule);
        Assert.Matches(@"summary: .*\{\{ \$labels\.\w+ \}\}", rule);
        Assert.Matches("description: \".{40,}\"", rule);
        Assert.Contains($"runbook_url: config/alerts.md#{alert.ToLowerInvariant()}\n", rule, StringComparison.Ordinal);
    }

    /// <summary>A call that is not there helps nobody at night.</summary>
    [Fact]
    public void Runbook_Calls_AreThoseOfTheAdminApi()
    {
        var calls = Repository.ReadmeTable("Admin API").Select(r => Generic(r[0])).ToHashSet();

        var named = Call().Matches(Repository.Read("config/alerts.md")).Select(m => Generic(
            $"{(m.Groups["method"].Success ? m.Groups["method"].Value : "GET")} /api/v1/{m.Groups["path"].Value}"));

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(calls));
    }

    // Versions, IDs and "current" stand for any.
    private static string Generic(string call) =>
        Regex.Replace(call, @"/(\{\w+\}|ID|current|\d+\.\d+\.\d+)(?=/|$)", "/*");

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex Alert();

    [GeneratedRegex(@"curl (-X (?<method>[A-Z]+) )?[^`]*?\$A/(?<path>[\w./]*\w)")]
    private static partial Regex Call();
}
