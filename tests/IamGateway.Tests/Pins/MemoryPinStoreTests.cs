using IamGateway.Pins;
using IamGateway.Recording;

namespace IamGateway.Tests.Pins;

public sealed class MemoryPinStoreTests : PinStoreContract
{
    private const int Capacity = 2000;
    private readonly GatewayMetrics _metrics = new();

    private protected override ValueTask<IPinStore> CreateAsync() => new(new MemoryPinStore(Time, Capacity, _metrics));

    private protected override Task AgeAsync(TimeSpan time)
    {
        Time.Advance(time);
        return Task.CompletedTask;
    }

    private MemoryPinStore Memory => (MemoryPinStore)Store;

    private async Task<string> RefusedAsync()
    {
        using var stream = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(stream, CancellationToken.None);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray()).Split('\n')
            .Single(l => l.StartsWith("iamgateway_store_full_total ", StringComparison.Ordinal)).Split(' ')[1];
    }

    private async Task FillAsync()
    {
        for (var i = 0; i < Capacity; i++)
            await OldSessionAsync(Some.Key(i));
    }

    [Fact]
    public async Task Metric_NothingRefused_IsThereAtZero() => Assert.Equal("0", await RefusedAsync());

    [Fact]
    public async Task Claim_UnknownSessionWhileFull_GoesToTheNewestWithoutARecordAndIsCounted()
    {
        await FillAsync();
        var unknown = Some.Key(Capacity);

        var reply = await ClaimAsync(Some.Rollout, Some.Claim(unknown));

        Assert.Equal(new ClaimReply(ClaimOutcome.Full, 2), reply);
        Assert.Null(await Store.FindAsync(unknown));
        Assert.Equal("1", await RefusedAsync());
    }

    [Fact]
    public async Task AnyCall_KnownSessionWhileFull_WorksAsEver()
    {
        await FillAsync();

        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(Some.Rollout, Some.Claim(Session))).Outcome);
        await ApplyAsync(Some.Record(Some.Key(2), 2), Some.Refresh(Some.Key(3), 2), Some.Release(Session));

        Assert.Equal((1, 5000, 0), await SeenAsync(Session));
        Assert.Equal((2, 5000, 0), await SeenAsync(Some.Key(2)));
        Assert.Equal((2, 5000, 0), await SeenAsync(Some.Key(3)));
        Assert.Equal("0", await RefusedAsync());
    }

    [Fact]
    public async Task Flood_OfInventedSessionsByEveryWay_MemoryStaysBoundedAndNoSessionIsLost()
    {
        const int Known = 50;
        for (var i = 0; i < Known; i++)
            await OldSessionAsync(Some.Key(i), bucket: i);

        for (var i = Known; i < 10 * Capacity; i += 4)
        {
            await ClaimAsync(Some.Rollout, Some.Claim(Some.Key(i)));
            await ApplyAsync(Some.Record(Some.Key(i + 1), 2));
            // An invented name is answered with a new one, as an IAM does that meets a session it does not know.
            await ApplyAsync(Some.Link(Some.Key(i + 2), Some.Key(-i)));
            await Store.LinkAsync(Some.Rollout, Some.Key(i + 3), Some.Key(-i));
            // A new session at the old version: leased, and at rest when its response has ended.
            await Store.LeaseAsync(Some.Rollout, Some.Key(-i - 1), Some.Lease(i), 1, 0);
            await ApplyAsync(Some.Release(Some.Key(-i - 1), Some.Lease(i)));
        }

        Assert.InRange(Memory.Count, Capacity, Capacity);
        for (var i = 0; i < Known; i++)
            Assert.Equal((1, i, 0), await SeenAsync(Some.Key(i)));
        Assert.NotEqual("0", await RefusedAsync());
    }

    [Fact]
    public async Task Link_KnownSessionWhileFull_NewNameIsKept()
    {
        await FillAsync();

        Assert.True(await Store.LinkAsync(Some.Rollout, Some.Key(Capacity), Session));
        await ApplyAsync(Some.Link(Some.Key(Capacity + 1), Some.Key(Capacity)));

        Assert.Equal((1, 5000, 0), await SeenAsync(Some.Key(Capacity + 1)));
    }

    // A session whose new name is lost would be at two versions: its pin under the old name, the newest under the new.
    [Fact]
    public async Task Link_SessionThatRotatesForEver_IsBoundedAndCostsThatSessionItsPin()
    {
        await FillAsync();
        for (var i = 0; i < Capacity; i++)
            await ApplyAsync(Some.Link(Some.Key(Capacity + i), Session));
        Assert.Equal((1, 5000, 0), await SeenAsync(Session));

        var leased = Some.Key(2);
        await LeaseAsync(leased, Some.Lease(1));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            async () => await Store.LinkAsync(Some.Rollout, Some.Key(-1), leased));
        await ApplyAsync(Some.Link(Some.Key(-2), Session), Some.Link(Some.Key(-3), Session));

        Assert.Equal(2 * Capacity - 1, Memory.Count);
        Assert.Null(await Store.FindAsync(Session));
        Assert.Null(await Store.FindAsync(Some.Key(-3)));
        Assert.Null(await Store.FindAsync(Some.Key(Capacity)));
        Assert.Equal((1, 5000, 1), await SeenAsync(leased));
        Assert.Equal("3", await RefusedAsync());
    }

    // Without a lease the session could be sent on to the coming version while its request is still at work.
    [Fact]
    public async Task Claim_UnknownSessionWhileFullAndAVersionIsPrepared_IsLeasedUntilItsRequestEnds()
    {
        await FillAsync();
        var unknown = Some.Key(Capacity);

        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(Some.Prepare, Some.Claim(unknown))).Outcome);
        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(Some.All, Some.Claim(unknown, Some.Lease(2)))).Outcome);
        await ApplyAsync(Some.Release(unknown), Some.Release(unknown, Some.Lease(2)));

        Assert.Null(await Store.FindAsync(unknown));
    }

    [Fact]
    public async Task Expiry_FullOfExpiredEntries_MakesRoom()
    {
        await FillAsync();
        Assert.Equal(ClaimOutcome.Full, (await ClaimAsync(Some.Rollout, Some.Claim(Some.Key(-1)))).Outcome);

        Time.Advance(Some.Rollout.SessionTtl);

        Assert.Equal(ClaimOutcome.Unknown, (await ClaimAsync(Some.Rollout, Some.Claim(Some.Key(-1)))).Outcome);
        Assert.Equal(1, Memory.Count);
    }

    [Fact]
    public async Task Expiry_UnusedForSessionTtl_IsForgotten()
    {
        await OldSessionAsync(Session);
        await ApplyAsync(Some.Link(Some.Key(2), Session));

        Time.Advance(Some.Rollout.SessionTtl - TimeSpan.FromTicks(1));
        Assert.NotNull(await Store.FindAsync(Some.Key(2)));
        Time.Advance(TimeSpan.FromTicks(1));

        Assert.Null(await Store.FindAsync(Some.Key(2)));
        Assert.Empty(await Store.CountAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Refresh_UnderAName_ExtendsTheNameAndTheRecord()
    {
        await OldSessionAsync(Session);
        await Store.LinkAsync(Some.Rollout, Some.Key(2), Session);
        await Store.LinkAsync(Some.Rollout, Some.Key(3), Some.Key(2));
        for (var i = 0; i < 3; i++)
        {
            Time.Advance(Some.Rollout.SessionTtl - TimeSpan.FromTicks(1));
            await ApplyAsync(Some.Refresh(Some.Key(3)));
        }

        Assert.Equal(Session, (await Store.FindAsync(Some.Key(3)))?.Root);
        Assert.Equal(Session, (await Store.FindAsync(Some.Key(2)))?.Root);
    }

    [Fact]
    public async Task Find_UsedAWhileAgo_SaysHowLong()
    {
        await OldSessionAsync(Session);
        Time.Advance(TimeSpan.FromMinutes(3));

        Assert.Equal(TimeSpan.FromMinutes(3), (await Store.FindAsync(Session))?.Age);
    }
}
