using IamGateway.Configuration;

namespace IamGateway.Tests.Configuration;

public sealed class RolloutOptionsTests
{
    private static string[] Problems(Action<RolloutOptions> change)
    {
        var options = new RolloutOptions
        {
            Webhooks = [new WebhookOptions { Url = "https://ops/hook?token=t", Secret = "0123456789abcdef" }],
            Gates = [new GateOptions { Url = "http://ops/gate" }],
        };
        change(options);
        var problems = new ConfigurationProblems();
        RolloutOptionsChecker.Check(options, problems);
        return [.. problems.Lines];
    }

    private static readonly Dictionary<string, (string Key, Action<RolloutOptions> Change)> Wrong = new()
    {
        ["schema check relative"] = ("SchemaCheckUrl", o => o.SchemaCheckUrl = "/schema"),
        ["schema check without time"] = ("SchemaCheckTimeout", o => o.SchemaCheckTimeout = TimeSpan.Zero),
        ["recording negative"] = ("MinimumRecording", o => o.MinimumRecording = TimeSpan.FromSeconds(-1)),
        ["recording too long"] = ("MinimumRecording", o => o.MinimumRecording = TimeSpan.FromDays(91)),
        ["webhook without address"] = ("Webhooks:0:Url", o => o.Webhooks[0].Url = null),
        ["webhook with a user"] = ("Webhooks:0:Url", o => o.Webhooks[0].Url = "https://me:word@ops/"),
        ["webhook of another scheme"] = ("Webhooks:0:Url", o => o.Webhooks[0].Url = "ftp://ops/"),
        ["webhook without secret"] = ("Webhooks:0:Secret", o => o.Webhooks[0].Secret = null),
        ["webhook with a short secret"] = ("Webhooks:0:Secret", o => o.Webhooks[0].Secret = "0123456789abcde"),
        ["webhook for no state"] = ("Webhooks:0:Events", o => o.Webhooks[0].Events = ["paused", "done"]),
        ["gate without address"] = ("Gates:0:Url", o => o.Gates[0].Url = null),
        ["gate that may take too long"] = ("Gates:0:Timeout", o => o.Gates[0].Timeout = TimeSpan.FromMinutes(2)),
    };

    public static TheoryData<string> Cases => [.. Wrong.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Check_OneBadValue_IsOneLineWithItsKeyAndWithoutTheValue(string name)
    {
        var (key, change) = Wrong[name];

        var problem = Assert.Single(Problems(change));

        Assert.StartsWith($"IamGateway:Rollout:{key}: ", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("0123456789", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("word", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_AllWell_FindsNothing() => Assert.Empty(Problems(o =>
    {
        o.SchemaCheckUrl = "https://ops/schema";
        o.Webhooks[0].Events = ["Paused", "failed"];
    }));
}
