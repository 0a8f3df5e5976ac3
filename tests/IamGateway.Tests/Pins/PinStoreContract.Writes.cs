using CsCheck;
using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Tests.Pins;

public abstract partial class PinStoreContract
{
    private int _lastKey = 1000;

    [Theory]
    [InlineData(StoreWriteKind.Record)]
    [InlineData(StoreWriteKind.Refresh)]
    internal async Task Apply_LowerOrdinal_NeverLowersThePin(StoreWriteKind kind)
    {
        await ApplyAsync(Some.Record(Session, 2), new StoreWrite(kind, Session, Ordinal: 1));

        Assert.Equal((2, 5000, 0), await SeenAsync(Session));
    }

    [Fact]
    public Task Writes_InAnyOrderAndAtTheSameTime_PinNeverGoesDownAndEndsAtTheHighest() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[1, 9]).Array[1, 12].SampleAsync(
            async steps =>
            {
                var key = Some.Key(Interlocked.Increment(ref _lastKey));
                await Store.LeaseAsync(Some.Rollout, key, null, 1, 0);
                var done = 1;
                await Task.WhenAll(steps.Select(async step =>
                {
                    var (kind, ordinal) = step;
                    var before = Volatile.Read(ref done);
                    var seen = await RaiseAsync(key, kind, ordinal);
                    Assert.True(seen >= before, $"{seen} after {before}");
                    InterlockedMax(ref done, seen);
                }));

                var expected = steps.Max(s => s.Item1 == 3 ? 2 : s.Item2);
                Assert.Equal(Math.Max(expected, 1), (await Store.FindAsync(key))?.Pin);
            },
            iter: 150, threads: 1);

    private async Task<int> RaiseAsync(SessionKey key, int kind, int ordinal)
    {
        switch (kind)
        {
            case 0:
                await ApplyAsync(Some.Record(key, ordinal));
                break;
            case 1:
                await ApplyAsync(Some.Refresh(key, ordinal));
                break;
            case 2:
                return (await Store.LeaseAsync(Some.Rollout, key, null, ordinal, 0)).Pin;
            default:
                // Raises to 2, or shows that others have gone beyond it.
                await ClaimAsync(Some.All, Some.Claim(key));
                break;
        }

        return (await Store.FindAsync(key))!.Pin;
    }

    private static void InterlockedMax(ref int target, int value)
    {
        var seen = Volatile.Read(ref target);
        while (value > seen && Interlocked.CompareExchange(ref target, value, seen) is var now && now != seen)
            seen = now;
    }

    // In one batch they go together, by kind.
    [Fact]
    public async Task Apply_ManyOfSeveralKinds_EachIsCarriedOutWhereItsNameLeads()
    {
        var alias = Some.Key(50);
        await OldSessionAsync(Session);
        await Store.LinkAsync(Some.Rollout, alias, Session);
        await ClaimAsync(Some.Prepare, Some.Claim(Session, Some.Lease(8)));

        await ApplyAsync(
            Some.Record(Some.Key(60), 1, bucket: 6), Some.Record(Some.Key(61), 2, bucket: 7),
            Some.Refresh(Some.Key(60), 2), Some.Release(alias, Some.Lease(8)), Some.Refresh(Some.Key(99), 2),
            Some.Refresh(alias, 2), Some.Record(alias, 1), Some.End(Some.Key(61)));

        Assert.Equal((2, 6, 0), await SeenAsync(Some.Key(60)));
        Assert.Equal((2, 5000, 0), await SeenAsync(Session));
        Assert.Null(await Store.FindAsync(Some.Key(61)));
        Assert.Null(await Store.FindAsync(Some.Key(99)));
    }

    [Fact]
    public async Task Link_NameThatIsNew_LeadsToTheRecord()
    {
        await OldSessionAsync(Session);

        Assert.True(await Store.LinkAsync(Some.Rollout, Some.Key(2), Session));

        Assert.Equal(
            new ClaimReply(ClaimOutcome.Alias, Target: Session),
            await ClaimAsync(Some.Rollout, Some.Claim(Some.Key(2))));
        Assert.Equal(
            new ClaimReply(ClaimOutcome.Alias, Target: Session),
            await Store.LeaseAsync(Some.Rollout, Some.Key(2), Some.Lease(1), 1, 0));
        Assert.Equal(Session, (await Store.FindAsync(Some.Key(2)))?.Root);
        Assert.Equal((1, 5000, 0), await SeenAsync(Some.Key(2)));
    }

    [Fact]
    public async Task Link_NameThatExists_IsNotOverwritten()
    {
        await OldSessionAsync(Some.Key(1), bucket: 1);
        await OldSessionAsync(Some.Key(2), bucket: 2);
        await Store.LinkAsync(Some.Rollout, Some.Key(3), Some.Key(1));

        Assert.True(await Store.LinkAsync(Some.Rollout, Some.Key(3), Some.Key(2)));
        await ApplyAsync(Some.Link(Some.Key(3), Some.Key(2)), Some.Link(Some.Key(2), Some.Key(1)));

        Assert.Equal((1, 1, 0), await SeenAsync(Some.Key(3)));
        Assert.Equal((1, 2, 0), await SeenAsync(Some.Key(2)));
    }

    [Fact]
    public async Task Link_NameToItself_MakesNothing()
    {
        await Store.LinkAsync(Some.Rollout, Session, Session);
        await ApplyAsync(Some.Link(Session, Session));

        Assert.Equal(ClaimOutcome.Unknown, (await ClaimAsync(Some.Rollout, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task Link_NamesInACircle_EveryCallComesToAnEnd()
    {
        await ApplyAsync(Some.Link(Some.Key(1), Some.Key(2)), Some.Link(Some.Key(2), Some.Key(1)));

        await ApplyAsync(Some.Refresh(Some.Key(1), 2), Some.End(Some.Key(1)), Some.Release(Some.Key(1)));

        Assert.Null(await Store.FindAsync(Some.Key(1)));
    }

    [Fact]
    public async Task Record_OnANameThatPointsElsewhere_ChangesNeither()
    {
        await OldSessionAsync(Session);
        await ApplyAsync(Some.Link(Some.Key(2), Session), Some.Record(Some.Key(2), 2));

        Assert.Equal((1, 5000, 0), await SeenAsync(Some.Key(2)));
    }

    [Fact]
    public async Task Writes_UnderANameAtTheEndOfAChain_ReachTheRecord()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(1));
        for (var i = 2; i <= 5; i++)
            await ApplyAsync(Some.Link(Some.Key(i), Some.Key(i - 1)));

        await ApplyAsync(Some.Refresh(Some.Key(5), 2));
        Assert.Equal((2, 5000, 1), await SeenAsync(Some.Key(5)));
        await ApplyAsync(Some.End(Some.Key(5)));
        Assert.Equal((2, 5000, 1), await SeenAsync(Some.Key(5)));
        await ApplyAsync(Some.Release(Session));
        Assert.Null(await Store.FindAsync(Some.Key(5)));
    }

    // A claim that got no answer may have taken its lease at the end of the chain; only the name is known then.
    [Fact]
    public async Task Release_UnderANameThatPointsElsewhere_IsNotLost()
    {
        await OldSessionAsync(Session);
        await ApplyAsync(Some.Link(Some.Key(2), Session), Some.Link(Some.Key(3), Some.Key(2)));
        await LeaseAsync(Session, Some.Lease(1));

        await ApplyAsync(Some.Release(Some.Key(3)));

        Assert.Equal((1, 5000, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Release_LeaseThatIsNotThere_ChangesNothing()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(11));

        await ApplyAsync(
            Some.Release(Session, Some.Lease(1)), Some.Release(Session, Some.Lease(11, replica: 2)),
            Some.Release(Some.Key(2)));

        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
    }

    [Fact]
    public async Task Refresh_NothingThere_MakesNothing()
    {
        await ApplyAsync(Some.Refresh(Session, 2), Some.End(Session), Some.Release(Session));

        Assert.Null(await Store.FindAsync(Session));
    }

    [Fact]
    public async Task Refresh_WithOrdinal_StampsTheGenerationSoThatTheClaimIsProven()
    {
        var next = Some.Prepare with { Generation = "b2" };
        await OldSessionAsync(Session);
        await Store.ApplyAsync(next, [Some.Refresh(Session, 1)]);

        Assert.Equal(
            ClaimOutcome.Leased,
            (await ClaimAsync(Some.Rollout with { Generation = "b2" }, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task End_NoLease_IsGoneAtOnce()
    {
        await OldSessionAsync(Session);

        await ApplyAsync(Some.End(Session));

        Assert.Null(await Store.FindAsync(Session));
    }

    [Fact]
    public async Task End_LeasesOfEndedRegistrationsOnly_IsGoneAtOnce()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(1, replica: 3));

        await ApplyAsync(Some.End(Session));

        Assert.Null(await Store.FindAsync(Session));
    }

    [Fact]
    public async Task End_RequestsAtWork_StaysAtItsPinUntilTheLastOneEnds()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(1));
        await LeaseAsync(Session, Some.Lease(2));

        await ApplyAsync(Some.End(Session), Some.Release(Session, Some.Lease(1)));
        Assert.Equal(
            new ClaimReply(ClaimOutcome.Leased, 1, 5000, IsAwaited: true),
            await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(3))));
        await ApplyAsync(Some.Release(Session, Some.Lease(3)));
        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
        await ApplyAsync(Some.Release(Session, Some.Lease(2)));

        Assert.Null(await Store.FindAsync(Session));
    }
}
