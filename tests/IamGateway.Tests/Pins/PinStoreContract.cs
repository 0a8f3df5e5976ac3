using IamGateway.Pins;
using IamGateway.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Pins;

/// <summary>What every pin store does. A test starts with an empty store and time that stands still.</summary>
public abstract partial class PinStoreContract : IAsyncLifetime
{
    private protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 3, 14, 0, 0, TimeSpan.Zero));

    private protected IPinStore Store { get; private set; } = null!;

    private protected abstract ValueTask<IPinStore> CreateAsync();

    public async ValueTask InitializeAsync() => Store = await CreateAsync();

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private protected static SessionKey Session { get; } = Some.Key(1);

    private protected ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request) =>
        Store.ClaimAsync(terms, request);

    private protected ValueTask ApplyAsync(params StoreWrite[] writes) => Store.ApplyAsync(Some.Rollout, writes);

    /// <summary>Puts a session at version 1 with no lease.</summary>
    private protected async Task OldSessionAsync(SessionKey key, int bucket = 5000) =>
        Assert.Equal(
            new ClaimReply(ClaimOutcome.Leased, 1, bucket), await Store.LeaseAsync(Some.Rollout, key, null, 1, bucket));

    private protected async Task LeaseAsync(SessionKey key, LeaseId lease, int ordinal = 1) =>
        Assert.Equal(
            ClaimOutcome.Leased, (await Store.LeaseAsync(Some.Rollout, key, lease, ordinal, 5000)).Outcome);

    private protected async Task<(int Pin, int Bucket, int Leases)?> SeenAsync(SessionKey key) =>
        await Store.FindAsync(key) is { } r ? (r.Pin, r.Bucket, r.Leases) : null;

    [Fact]
    public async Task Claim_UnknownSession_GoesToTheNewestAndIsRecorded()
    {
        var reply = await ClaimAsync(Some.Rollout, Some.Claim(Session, draw: 4711));

        Assert.Equal(new ClaimReply(ClaimOutcome.Unknown, 2, 4711), reply);
        Assert.Equal((2, 4711, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_UnknownSessionWhileAVersionIsPrepared_IsLeasedAtTheNewestActive()
    {
        var reply = await ClaimAsync(Some.Prepare, Some.Claim(Session, draw: 12));

        Assert.Equal(new ClaimReply(ClaimOutcome.Leased, 1, 12), reply);
        Assert.Equal((1, 12, 1), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_PinAtTheNewest_IsFinalWithoutLease()
    {
        await ApplyAsync(Some.Record(Session, 2, bucket: 7));

        Assert.Equal(new ClaimReply(ClaimOutcome.Final, 2, 7), await ClaimAsync(Some.Rollout, Some.Claim(Session)));
        Assert.Equal((2, 7, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_PinBelowTheNewest_IsLeased()
    {
        await OldSessionAsync(Session);

        Assert.Equal(
            new ClaimReply(ClaimOutcome.Leased, 1, 5000), await ClaimAsync(Some.Rollout, Some.Claim(Session, draw: 1)));
        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_SameRequestTwice_HoldsOneLease()
    {
        await OldSessionAsync(Session);
        await ClaimAsync(Some.Rollout, Some.Claim(Session));
        await ClaimAsync(Some.Rollout, Some.Claim(Session));

        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_AnyDraw_BucketStaysFixedForLife()
    {
        await OldSessionAsync(Session, bucket: 33);
        await ClaimAsync(Some.Rollout, Some.Claim(Session, draw: 1));
        await ApplyAsync(Some.Release(Session), Some.Record(Session, 1, bucket: 2));
        await Store.LeaseAsync(Some.Rollout, Session, Some.Lease(2), 1, 3);
        await ApplyAsync(Some.Release(Session, Some.Lease(2)));
        var raised = await ClaimAsync(Some.All, Some.Claim(Session, draw: 4));
        var later = await ClaimAsync(
            Some.Rollout with { Generation = "b2", Newest = 3, Top = 3, Final = 3 }, Some.Claim(Session, draw: 5));

        Assert.Equal(new ClaimReply(ClaimOutcome.Raised, 2, 33), raised);
        Assert.Equal(new ClaimReply(ClaimOutcome.Unknown, 3, 33), later);
    }

    [Fact]
    public async Task Claim_PinAboveWhatTheCallerKnows_SaysThatItsViewIsStale()
    {
        await ApplyAsync(Some.Record(Session, 2));

        Assert.Equal(ClaimOutcome.StaleView, (await ClaimAsync(Some.Steady, Some.Claim(Session))).Outcome);
        Assert.Equal((2, 5000, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Claim_PinOfARevokedVersion_IsEnded()
    {
        await ApplyAsync(Some.Record(Session, 2));
        var revoked = Some.Rollout with { Newest = 1, Final = 0, RaiseTo = 0, Revoked = [2], UnknownEnds = true };

        Assert.Equal(ClaimOutcome.Ended, (await ClaimAsync(revoked, Some.Claim(Session))).Outcome);
    }

    [Theory]
    [InlineData(true, ClaimOutcome.Ended)]
    [InlineData(false, ClaimOutcome.StaleView)]
    internal async Task Claim_NoProofOfAnOldVersionAroundARevocation_EndsOrWaits(bool ends, ClaimOutcome expected)
    {
        var terms = Some.Rollout with
        {
            Newest = 1,
            Final = 0,
            RaiseTo = 0,
            UnknownEnds = ends,
            UnknownWaits = !ends,
        };
        await OldSessionAsync(Session);

        Assert.Equal(expected, (await ClaimAsync(terms, Some.Claim(Some.Key(2)))).Outcome);
        Assert.Equal(
            expected, (await ClaimAsync(terms with { Generation = "b2" }, Some.Claim(Session))).Outcome);
        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(terms, Some.Claim(Session))).Outcome);
        Assert.Null(await Store.FindAsync(Some.Key(2)));
    }

    [Fact]
    public async Task Claim_GenerationNotAcknowledgedByAll_OnlyFinalIsAnswered()
    {
        await OldSessionAsync(Session);
        await ApplyAsync(Some.Record(Some.Key(2), 2));
        var unproven = Some.All with { GenerationAcknowledged = false };

        Assert.Equal(ClaimOutcome.StaleGeneration, (await ClaimAsync(unproven, Some.Claim(Session))).Outcome);
        Assert.Equal(ClaimOutcome.StaleGeneration, (await ClaimAsync(unproven, Some.Claim(Some.Key(3)))).Outcome);
        Assert.Equal(ClaimOutcome.Final, (await ClaimAsync(unproven, Some.Claim(Some.Key(2)))).Outcome);
        Assert.Equal((1, 5000, 0), await SeenAsync(Session));
        Assert.Null(await Store.FindAsync(Some.Key(3)));
    }

    [Fact]
    public async Task Claim_RecordOfAnEarlierGeneration_ProvesNothingAndGoesUp()
    {
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));

        var reply = await ClaimAsync(Some.Rollout with { Generation = "b2" }, Some.Claim(Session));

        Assert.Equal(new ClaimReply(ClaimOutcome.Unknown, 2, 5000), reply);
        Assert.Equal((2, 5000, 0), await SeenAsync(Session));
    }

    [Fact]
    public async Task Lease_RecordOfAnEarlierGeneration_LosesItsLeasesAndCountsAgain()
    {
        var next = Some.All with { Generation = "b2" };
        await OldSessionAsync(Session);
        await LeaseAsync(Session, Some.Lease(8));

        await Store.LeaseAsync(next, Session, Some.Lease(9), 1, 0);

        Assert.Equal((1, 5000, 1), await SeenAsync(Session));
        Assert.Equal(ClaimOutcome.Leased, (await ClaimAsync(next, Some.Claim(Session))).Outcome);
    }

    [Fact]
    public async Task Count_SomeSessionsAndNames_CountsSessionsByVersion()
    {
        await OldSessionAsync(Some.Key(1));
        await OldSessionAsync(Some.Key(2));
        await ApplyAsync(Some.Record(Some.Key(3), 2), Some.Link(Some.Key(4), Some.Key(3)));

        var counts = await Store.CountAsync(CancellationToken.None);

        Assert.Equal(new Dictionary<int, long> { [1] = 2, [2] = 1 }, counts);
    }
}
