namespace IamGateway.Tests.Oidc;

/// <summary>
/// A real OpenID Connect provider, whose newer version rewrites what it touches so that the older one cannot read it,
/// in a rolling upgrade under users who do all that users and relying parties do.
/// </summary>
public sealed class OidcProviderTests
{
    private const int Users = 30;
    private const int RoundsPerUser = 10;

    [Theory]
    [InlineData("oidc-provider")]
    [InlineData("OpenIddict")]
    public async Task Ramp_AllHandlesHaveRules_NoFlowFailsAndNoSessionGoesBack(string provider)
    {
        var kind = OidcKind.Named(provider);
        await using var site = await OidcSite.StartAsync(kind, kind.AllHandles());
        var seed = Random.Shared.Next();
        await RampAsync(site, seed, RoundsPerUser, withKill: true);

        var history = await site.HistoryAsync();
        var providers = await site.ProvidersAsync();
        var figures = $"seed {seed}: {site.Count}; {history}; {providers}";
        TestContext.Current.SendDiagnosticMessage("{0} with rules, {1}", provider, figures);
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
    [Theory]
    [InlineData("oidc-provider")]
    [InlineData("OpenIddict")]
    public async Task Ramp_OnlyTheSessionCookieHasARule_FlowsFail(string provider)
    {
        var kind = OidcKind.Named(provider);
        await using var site = await OidcSite.StartAsync(kind, kind.SessionCookieOnly());
        var seed = Random.Shared.Next();
        await RampAsync(site, seed, RoundsPerUser / 2, withKill: false);

        var history = await site.HistoryAsync();
        var providers = await site.ProvidersAsync();
        TestContext.Current.SendDiagnosticMessage(
            "{0}, session cookie only, seed {1}: {2}; {3}; {4}", provider, seed, site.Count, history, providers);
        Assert.NotEmpty(site.Count.Failures);
        Assert.True(providers.Unreadable > 0);
        Assert.True(history.Back > 0);
    }

    /// <summary>
    /// The weight of the newer version goes 0, 10, 50, 100, back to 0 and up again while the users go on.
    /// </summary>
    private static async Task RampAsync(OidcSite site, int seed, int roundsPerUser, bool withKill)
    {
        var enough = new TaskCompletionSource();
        var users = site.UseAsync(Users, roundsPerUser, seed, enough.Task);
        try
        {
            await RampAsync(site, Users * roundsPerUser / 7, withKill);
        }
        finally
        {
            enough.SetResult();
        }

        await users;
    }

    private static async Task RampAsync(OidcSite site, int stage, bool withKill)
    {
        await site.Count.RoundsAsync(stage);
        await site.WeighAsync(10);
        await site.Count.RoundsAsync(stage);
        await site.WeighAsync(50);
        await site.Count.RoundsAsync(stage);
        if (withKill)
        {
            await site.KillOtherAsync();
            await site.StartOtherAsync();
        }

        await site.WeighAsync(100);
        await site.Count.RoundsAsync(2 * stage);
        await site.WeighAsync(0);
        await site.Count.RoundsAsync(stage);
        await site.WeighAsync(100);
        await site.Count.RoundsAsync(stage);
    }
}
