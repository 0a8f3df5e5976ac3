namespace IamGateway.Tests.Histories;

/// <summary>A session whose lease a replica keeps for its next requests moves as any other does.</summary>
public sealed class SharedLeaseTests
{
    [Fact]
    public async Task WeightRaised_TheNextRequestMoves()
    {
        await using var site = await KeepingAsync("00:10:00");
        await KeptAsync(site);

        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);

        Assert.Equal("8.3.0", await site.SendAsync(site.A, "/", "s"));
    }

    [Fact]
    public async Task WeightRaised_MovesThroughAnotherReplica()
    {
        await using var site = await KeepingAsync("00:10:00");
        await KeptAsync(site);

        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);
        await TwoReplicas.SeesAsync(site.B, site.A);

        // It stays for a request if A has not given the lease back yet.
        for (var i = 0; i < 200 && await site.SendAsync(site.B, "/", "s") != "8.3.0"; i++)
            await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equal("8.3.0", await site.SendAsync(site.A, "/", "s"));
        Assert.True(HistoryJudge.Judge(site.Iam.History).IsClean);
    }

    [Fact]
    public async Task RequestUnderTheLease_HoldsTheSessionBack()
    {
        await using var site = await KeepingAsync("00:10:00");
        await KeptAsync(site);
        var slow = site.SendAsync(site.A, "/?gate=slow", "s");
        await site.Iam.BegunAsync("slow");

        await TwoReplicas.WeighAsync(site.A, "8.2.1", "8.3.0", 100);

        Assert.Equal("8.2.1", await site.SendAsync(site.A, "/", "s"));
        site.Iam.Open("slow");
        await slow;
        await TwoReplicas.SettleAsync(site.A);
        Assert.Equal("8.3.0", await site.SendAsync(site.A, "/", "s"));
        Assert.True(HistoryJudge.Judge(site.Iam.History).IsClean);
    }

    // Without a probe a gateway learns from a response only that an instance was upgraded. Before that response leaves
    // no other replica may go on using what it knew of the session.
    [Fact]
    public async Task ResponseShowsAHigherVersion_AnotherReplicaDoesNotGoOnBelow()
    {
        await using var site = await KeepingAsync(
            "00:00:02", ("Versions:Discovery:ResponseHeader", GatedIam.VersionHeader));
        await KeptAsync(site);
        // Nor does A learn of it.
        site.NetworkOfA.Cut();

        Assert.NotNull(await site.SendAsync(site.B, "/?says=8.3.0", "s"));

        Assert.Null(await site.SendAsync(site.A, "/", "s"));
    }

    private static Task<TwoReplicas> KeepingAsync(string time, params (string, string)[] options) =>
        TwoReplicas.StartAsync(null, [("TestOnly:LeasesKeptFor", time), .. options]);

    /// <summary>A session at 8.2.1 of which A keeps a lease; 8.3.0 is active with a weight of 0.</summary>
    private static async Task KeptAsync(TwoReplicas site)
    {
        await site.SendAsync(site.A, "/?set=s");
        await site.ActivateAsync();
        await TwoReplicas.SeesAsync(site.B, site.A);
        await site.StaysAsync(site.A, "s", "8.2.1");
    }
}
