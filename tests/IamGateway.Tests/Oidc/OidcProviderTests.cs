namespace IamGateway.Tests.Oidc;

/// <summary>
/// A real OpenID Connect provider, whose newer version rewrites what it touches so that the older one cannot read it,
/// in a rolling upgrade under users who do all that users and relying parties do.
/// </summary>
public sealed class OidcProviderTests
{
    private const int Users = 40;
    private const int RoundsPerUser = 10;

    [Fact]
    public async Task Ramp_AllHandlesHaveRules_NoFlowFailsAndNoSessionGoesBack()
    {
        await using var site = await OidcSite.StartAsync(AllHandles());
        var seed = Random.Shared.Next();
        await RampAsync(site, seed, RoundsPerUser, withKill: true);

        var history = await site.HistoryAsync();
        var providers = await site.ProvidersAsync();
        var figures = $"seed {seed}: {site.Count}; {history}; {providers}";
        TestContext.Current.SendDiagnosticMessage("with rules, {0}", figures);
        Assert.True(site.Count.Failures.Count == 0, $"{figures}\n{string.Join('\n', site.Count.Failures.Take(10))}");
        Assert.True(providers is { ServerErrors: 0, Unreadable: 0 }, figures);
        Assert.Equal(0, site.Count.ServerErrors);
        Assert.Equal(0, history.Back);
        Assert.Equal(0, await site.Gateway.MetricAsync("iamgateway_violations_total"));
        // When the replica dies a user has two requests at work at most: those are all that may be interrupted.
        Assert.InRange(site.Count.Interrupted, 0, 2 * Users);
        // The run has shown something: sessions were moved, and some were at the older version throughout.
        Assert.True(history.Migrated > Users / 4 && history.Newer < history.Sessions, figures);
        Assert.True(site.Count.Flows > Users * RoundsPerUser * 4, figures);
    }

    /// <summary>The provider does fail when a session goes back, and the users do notice.</summary>
    [Fact]
    public async Task Ramp_OnlyTheSessionCookieHasARule_FlowsFail()
    {
        await using var site = await OidcSite.StartAsync(SessionCookieOnly());
        var seed = Random.Shared.Next();
        await RampAsync(site, seed, RoundsPerUser / 2, withKill: false);

        var history = await site.HistoryAsync();
        var providers = await site.ProvidersAsync();
        TestContext.Current.SendDiagnosticMessage(
            "session cookie only, seed {0}: {1}; {2}; {3}", seed, site.Count, history, providers);
        Assert.NotEmpty(site.Count.Failures);
        Assert.True(providers.Unreadable > 0);
        Assert.True(history.Back > 0);
    }

    /// <summary>The weight of the newer version goes 0, 10, 50, 100 and back to 20 while the users go on.</summary>
    private static async Task RampAsync(OidcSite site, int seed, int roundsPerUser, bool withKill)
    {
        var users = site.UseAsync(Users, roundsPerUser, seed);
        var stage = Users * roundsPerUser / 6;
        await site.Count.RoundsAsync(stage);
        await site.WeighAsync(10);
        await site.Count.RoundsAsync(2 * stage);
        await site.WeighAsync(50);
        await site.Count.RoundsAsync(3 * stage);
        if (withKill)
        {
            await site.KillOtherAsync();
            await site.StartOtherAsync();
        }

        await site.WeighAsync(100);
        await site.Count.RoundsAsync(5 * stage);
        await site.WeighAsync(20);
        await users;
    }

    private static Dictionary<string, string?> SessionCookieOnly() => new()
    {
        ["IamGateway:Sessions:0:Name"] = "session",
        ["IamGateway:Sessions:0:Cookie"] = "_session",
    };

    /// <summary>
    /// Every name by which a request refers to a login or a session. A log-in in progress is an interaction, whose two
    /// cookies carry the same value; the signatures beside the cookies (.sig) need no rule. The preset has the rest.
    /// </summary>
    private static Dictionary<string, string?> AllHandles()
    {
        (string Name, string Value)[][] rules =
        [
            [("Name", "session"), ("Cookie", "_session")],
            [("Name", "interaction"), ("Cookie", "_interaction")],
            [("Name", "interaction"), ("Cookie", "_interaction_resume")],
            [("Preset", "OpenIdConnect"), ("Path", "/token"), ("IssuedAt", "/auth")],
        ];
        return rules.Index()
            .SelectMany(r => r.Item.Select(s => ($"IamGateway:Sessions:{r.Index}:{s.Name}", s.Value)))
            .ToDictionary(s => s.Item1, s => (string?)s.Value);
    }
}
