using IamGateway.Instances;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Logging.Abstractions;

namespace IamGateway.Tests.Instances;

public sealed class SuccessionTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TakesOver_NobodyIsToFollow_TheRequestIsDecidedAnewOnlyIfTheVersionsHaveChanged(bool hasChanged)
    {
        await using var rig = new ReplicaRig(new RoutingStoreDouble(), new HookedPinStore());
        await rig.StartAsync("a");
        var request = rig.Send();
        // Between the request's decision and the question another request has activated the next version.
        if (hasChanged)
            await rig.ActivateAsync();
        var succession = new Succession(
            rig.Replica, new InstanceTable(rig.Settings), rig.Settings, TimeProvider.System,
            NullLogger<Succession>.Instance);

        Assert.Equal(hasChanged, await succession.TakesOverAsync(request, VersionInstances.None));
    }
}
