using IamGateway.Pins;

namespace IamGateway.Tests.Pins;

public abstract partial class PinStoreContract
{
    [Fact]
    public async Task Claim_EligibleAndQuiet_IsRaised()
    {
        await OldSessionAsync(Session);

        Assert.Equal(new ClaimReply(ClaimOutcome.Raised, 2, 5000), await ClaimAsync(Some.All, Some.Claim(Session)));
        Assert.Equal((2, 5000, 0), await SeenAsync(Session));
    }

    [Theory]
    [InlineData(4999, ClaimOutcome.Raised)]
    [InlineData(5000, ClaimOutcome.Leased)]
    internal async Task Claim_BucketAtTheCut_MovesOnlyBelowIt(int bucket, ClaimOutcome expected)
    {
        await OldSessionAsync(Session, bucket);

        Assert.Equal(expected, (await ClaimAsync(Some.Rollout with { Cut = 5000 }, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task Claim_NewestWithoutUsableInstance_Stays()
    {
        await OldSessionAsync(Session);

        Assert.Equal(
            ClaimOutcome.Leased, (await ClaimAsync(Some.All, Some.Claim(Session, mayRaise: false))).Outcome);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(77)]
    public async Task Claim_AnotherLiveLease_KeepsTheSessionBelow(long replica)
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8, replica));

        Assert.Equal(
            new ClaimReply(ClaimOutcome.Leased, 1, 5000, IsAwaited: true),
            await ClaimAsync(Some.All, Some.Claim(Session)));
        Assert.Equal((1, 5000, 2), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_WithTheFormerLeaseOfItsReplica_TakesItAwayAndMoves()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));

        Assert.Equal(
            ClaimOutcome.Raised,
            (await ClaimAsync(Some.All, Some.Claim(Session) with { Former = Some.Lease(8) })).Outcome);
        Assert.Equal((2, 5000, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_WithTheFormerLeaseOfItsReplica_StaysUnderItsOwn()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));

        await ClaimAsync(Some.Rollout, Some.Claim(Session) with { Former = Some.Lease(8) });
        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
        await ApplyAsync(Some.Release(Session, Some.Lease(8)));
        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_AnotherFormerLease_StillWaitsForTheRest()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        await LeaseAsync(Session, Some.Lease(9));

        Assert.Equal(
            ClaimOutcome.Leased,
            (await ClaimAsync(Some.All, Some.Claim(Session) with { Former = Some.Lease(8) })).Outcome);
    }

    [Fact]
    public async Task Claim_SomebodyWaitsForTheSession_IsTold()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        Assert.False((await ClaimAsync(Some.Rollout, Some.Claim(Session))).IsAwaited);

        await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(2), must: true));

        Assert.True((await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(3)))).IsAwaited);
        Time.Advance(Some.Rollout.MaxWait);
        Assert.False((await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(4)))).IsAwaited);
    }

    [Fact]
    public async Task Claim_SomebodyWaitsAgain_IsToldAgain()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(2), must: true));
        Time.Advance(2 * Some.Rollout.MaxWait);

        await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(3), must: true));

        Assert.True((await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(4)))).IsAwaited);
    }

    // A wait for another reason, long over, must not end the hold of a login that begins now.
    [Fact]
    public async Task Claim_SomebodyWaitedLongAgo_AHoldStillHolds()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(2), must: true));
        await ApplyAsync(Some.Release(Session, Some.Lease(8)));
        Time.Advance(Some.Rollout.MaxWait);
        await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(3)));
        await ApplyAsync(Some.Release(Session, Some.Lease(3)));
        Time.Advance(2 * Some.Rollout.MaxHold);

        Assert.Equal(
            ClaimOutcome.Leased,
            (await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(4)) with { Hold = true })).Outcome);
    }

    [Fact]
    public async Task Lease_IsFoundOnTheRecord()
    {
        await OldSessionAsync(Session);

        Assert.Equal(0, await LeasesAsync(null));
        Assert.Equal(1, await LeasesAsync(Some.Lease(8)));
        Assert.Equal(2, await LeasesAsync(Some.Lease(9)));
        Assert.Equal(2, await LeasesAsync(null));

        async Task<int> LeasesAsync(LeaseId? lease)
        {
            await Store.LeaseAsync(Some.Rollout, Session, lease, 1, 0);
            return (await Store.FindAsync(Session))!.Leases;
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(9)]
    public async Task Claim_LeaseOfAnEndedRegistration_IsVoid(long replica)
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8, replica));

        Assert.Equal(ClaimOutcome.Raised, (await ClaimAsync(Some.All, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task Claim_OwnLeaseOnly_DoesNotBlockItself()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(1));

        Assert.Equal(ClaimOutcome.Raised, (await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(1)))).Outcome);
    }

    [Fact]
    public async Task Claim_SameRequestNumberOfAnotherReplica_IsAnotherLease()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(1, replica: 2));

        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(1)))).Outcome);
    }

    [Fact]
    public async Task Claim_MustMoveWithOtherLeases_WaitsWithoutALeaseAndMovesWhenTheyEnd()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        var must = Some.Claim(Session, must: true, hold: true);

        Assert.Equal(ClaimOutcome.Wait, (await ClaimAsync(Some.Rollout, must)).Outcome);
        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
        await ApplyAsync(Some.Release(Session, Some.Lease(8)));
        Assert.Equal(ClaimOutcome.Raised, (await ClaimAsync(Some.Rollout, must)).Outcome);
    }

    [Fact]
    public async Task Claim_MustMoveAndNowhereToGo_WaitsAndWritesNothing()
    {
        await OldSessionAsync(Session);

        Assert.Equal(
            ClaimOutcome.Wait,
            (await ClaimAsync(Some.Rollout, Some.Claim(Session, must: true, mayRaise: false))).Outcome);
        Assert.Equal(
            ClaimOutcome.Wait, (await ClaimAsync(Some.Prepare, Some.Claim(Some.Key(2), must: true))).Outcome);
        Assert.Equal((1, 5000, 0), await SeenAsync(Session));
        Assert.Null(await Store.FindAsync(Some.Key(2)));
    }

    [Fact]
    public async Task Claim_OnAHoldPath_StaysUntilMaxHoldAndMovesThen()
    {
        await OldSessionAsync(Session);
        var held = Some.Claim(Session, hold: true);

        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(Some.All, held)).Outcome);
        Time.Advance(Some.All.MaxHold - TimeSpan.FromMilliseconds(1));
        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(Some.All, held)).Outcome);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ClaimOutcome.Raised, (await ClaimAsync(Some.All, held)).Outcome);
    }

    [Fact]
    public async Task Claim_OffTheHoldPath_MovesAtOnce()
    {
        await OldSessionAsync(Session);
        await ClaimAsync(Some.All, Some.Claim(Session, hold: true));
        await ApplyAsync(Some.Release(Session));

        Assert.Equal(ClaimOutcome.Raised, (await ClaimAsync(Some.All, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task Claim_NeverQuiet_IsHeldBackAfterMaxDeferralForMaxWaitAndThenStays()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        var step = TimeSpan.FromMilliseconds(1);

        Assert.Equal(ClaimOutcome.Leased, await NextAsync(11));
        Time.Advance(Some.All.MaxDeferral - step);
        Assert.Equal(ClaimOutcome.Leased, await NextAsync(12));
        Time.Advance(step);
        Assert.Equal(ClaimOutcome.Wait, await NextAsync(13));
        Time.Advance(Some.All.MaxWait - step);
        Assert.Equal(ClaimOutcome.Wait, await NextAsync(14));
        Time.Advance(step);
        Assert.Equal(ClaimOutcome.Leased, await NextAsync(15));
        // A new deferral begins.
        Time.Advance(Some.All.MaxDeferral - step);
        Assert.Equal(ClaimOutcome.Leased, await NextAsync(16));
        Time.Advance(step);
        Assert.Equal(ClaimOutcome.Wait, await NextAsync(17));

        async Task<ClaimOutcome> NextAsync(long request) =>
            (await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(request)))).Outcome;
    }

    [Fact]
    public async Task Claim_HeldBackAndTheOldOnesEnd_Moves()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));
        await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(11)));
        Time.Advance(Some.All.MaxDeferral);
        Assert.Equal(ClaimOutcome.Wait, (await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(12)))).Outcome);

        await ApplyAsync(Some.Release(Session, Some.Lease(8)), Some.Release(Session, Some.Lease(11)));

        Assert.Equal(ClaimOutcome.Raised, (await ClaimAsync(Some.All, Some.Claim(Session, Some.Lease(12)))).Outcome);
    }
}
