using IamGateway.Pins;

namespace IamGateway.Tests.Pins;

/// <summary>Which leases may be kept on.</summary>
public abstract partial class PinStoreContract
{
    private ValueTask<bool[]> AreHeldAsync(params HeldLease[] leases) => Store.AreHeldAsync(Some.Rollout, leases);

    private static bool[] No { get; } = [false];

    private static HeldLease Held { get; } = new(Session, Some.Lease(1), 1);

    [Fact]
    public async Task AreHeld_SeveralLeases_EachIsAnsweredForInItsPlace()
    {
        for (var i = 1; i <= 3; i++)
            await LeaseAsync(Some.Key(i), Some.Lease(i));
        await LeaseAsync(Some.Key(2), Some.Lease(22));

        bool[] expected = [true, false, true, true, false];
        Assert.Equal(expected, await AreHeldAsync(
            new(Some.Key(1), Some.Lease(1), 1), new(Some.Key(1), Some.Lease(2), 1), new(Some.Key(2), Some.Lease(22), 1),
            new(Some.Key(3), Some.Lease(3), 1), new(Some.Key(4), Some.Lease(4), 1)));
        Assert.Equal((1, 5000, 2), await SeenAsync(Some.Key(2)));
    }

    [Fact]
    public async Task AreHeld_GivenBack_IsNot()
    {
        await LeaseAsync(Session, Held.Id);
        await ApplyAsync(Some.Release(Session, Held.Id));

        Assert.Equal(No, await AreHeldAsync(Held));
    }

    [Fact]
    public async Task AreHeld_SomebodyWaits_IsNot()
    {
        await LeaseAsync(Session, Held.Id);
        var reply = await ClaimAsync(Some.Rollout, Some.Claim(Session, Some.Lease(2, replica: 2), must: true));

        Assert.Equal(ClaimOutcome.Wait, reply.Outcome);
        Assert.Equal(No, await AreHeldAsync(Held));
    }

    [Fact]
    public async Task AreHeld_SessionWasSeenAtAHigherVersion_IsNot()
    {
        await LeaseAsync(Session, Held.Id);
        await Store.LeaseAsync(Some.Rollout, Session, null, 2, 5000);

        Assert.Equal(No, await AreHeldAsync(Held));
    }

    [Fact]
    public async Task AreHeld_SessionWasEnded_IsNot()
    {
        await LeaseAsync(Session, Held.Id);
        await ApplyAsync(Some.End(Session));

        Assert.Equal(No, await AreHeldAsync(Held));
    }

    [Fact]
    public async Task AreHeld_AsksAboutAnotherGeneration_IsNot()
    {
        await LeaseAsync(Session, Held.Id);

        Assert.Equal(No, await Store.AreHeldAsync(Some.Rollout with { Generation = "b2" }, [Held]));
    }
}
