using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;

namespace IamGateway.Tests.Sessions;

public sealed class IssuedNamesTests
{
    private static readonly SessionKey One = new(1);
    private readonly HookedPinStore _pins = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Bind_TheStoreAnswersAgain_TheResponseLeaves(int failures)
    {
        var (request, calls) = await BindAsync(failures);

        Assert.Equal(RefusalCode.None, request.Refusal);
        Assert.Equal(failures + 1, calls);
        Assert.Equal(1, await _pins.LeasesAsync(One));
    }

    [Fact]
    public async Task Bind_TheStoreStaysAway_TheResponseIsWithheldAfterThreeCalls()
    {
        var (request, calls) = await BindAsync(int.MaxValue);

        Assert.Equal(RefusalCode.StoreUnavailable, request.Refusal);
        Assert.Equal(3, calls);
    }

    private async Task<(GatewayRequest Request, int Calls)> BindAsync(int failures)
    {
        await using var rig = new ReplicaRig(new RoutingStoreDouble(), _pins);
        await rig.StartAsync("a");
        await rig.ActivateAsync();
        var request = rig.Send();
        var calls = 0;
        _pins.BeforeLease = _ => ++calls <= failures
            ? throw new StoreUnavailableException("The store did not answer in time.")
            : Task.CompletedTask;
        await rig.Names.BindAsync(request, [new Handle(One, 0)]);
        _pins.BeforeLease = null;
        return (request, calls);
    }
}
