using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Routing;
using Yarp.ReverseProxy.Model;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Instances;

public sealed class InstanceTableTests
{
    private readonly InstanceTable _table = new(new GatewaySettings(
        new GatewayOptions(),
        [
            new("old-1", new Uri("http://10.0.0.1:8080"), V1), new("old-2", new Uri("http://10.0.0.2:8080"), V1),
            new("new-1", new Uri("http://10.0.0.3:8080"), V2), new("any-1", new Uri("http://10.0.0.4:8080"), null),
        ],
        new SessionRules([], []), [], V1, null, null));

    private int _moves;

    public InstanceTableTests() => _table.AddressesChanged += () => _moves++;

    [Fact]
    public void All_Configured_AreThereWithTheirBelievedVersion()
    {
        Assert.Equal(["any-1", "new-1", "old-1", "old-2"], _table.All.Select(i => i.Id).Order());
        Assert.Equal((V1, true), (_table.Find("OLD-1")!.Version, _table.Find("old-1")!.IsUsable));
        Assert.Equal((null, false), (_table.Find("any-1")!.Version, _table.Find("any-1")!.IsUsable));
        Assert.Null(_table.Find("old-9"));
    }

    [Fact]
    public void Of_AvailableDestinations_AreGroupedByVersionAndUnusableOnesLeftOut()
    {
        Apply(Set("old-2", o => o with { Draining = true }));

        var usable = Of("old-1", "old-2", "new-1", "any-1", "stranger");

        Assert.Equal(["old-1"], usable.Of(V1).Select(d => d.DestinationId));
        Assert.Equal(["new-1"], usable.Of(V2).Select(d => d.DestinationId));
        Assert.False(usable.Has(V3));
        Assert.False(Of("old-2").Has(V1));
    }

    [Fact]
    public void Of_SameDestinationsAgain_IsNotComputedAnewUntilTheTableChanges()
    {
        DestinationState[] available = [new("old-1")];
        var first = _table.Of(available);
        Assert.Same(first, _table.Of(available));

        _table.Report("old-1", V2);

        Assert.Equal((false, true), (_table.Of(available).Has(V1), _table.Of(available).Has(V2)));
    }

    [Fact]
    public void Of_OneNeverSeenHealthyAmongHealthyOnes_IsLeftOutWhereHealthIsChecked()
    {
        DestinationState[] available = [new("old-1"), new("old-2"), new("new-1")];
        Assert.Equal(2, _table.Of(available, isChecked: true).Of(V1).Count);
        available[0].Health.Active = DestinationHealth.Healthy;
        DestinationState[] later = [.. available];

        Assert.Equal(["old-1"], _table.Of(later, isChecked: true).Of(V1).Select(d => d.DestinationId));
        Assert.Equal(["new-1"], _table.Of(later, isChecked: true).Of(V2).Select(d => d.DestinationId));
        Assert.Equal(2, _table.Of(later).Of(V1).Count);
    }

    [Fact]
    public void Apply_InstanceOfTheApi_IsAddedAndRemoved()
    {
        var state = Set("extra", o => o with { Address = "http://10.0.1.1", Version = V3 });
        Apply(state);
        Assert.Equal(
            (V3, "http://10.0.1.1", 1), (_table.Find("extra")!.Version, _table.Find("extra")!.Address, _moves));
        Assert.False(_table.IsConfigured("extra"));

        Apply(state.RemoveInstance("EXTRA"));

        Assert.Null(_table.Find("extra"));
        Assert.Equal(2, _moves);
    }

    [Fact]
    public void Apply_DrainAndResume_MovesNoAddress()
    {
        var drained = Set("old-1", o => o with { Draining = true });
        Apply(drained);
        Assert.False(_table.Find("old-1")!.IsUsable);

        Apply(drained.SetInstance("old-1", o => o with { Draining = false }, Now));

        Assert.True(_table.Find("old-1")!.IsUsable);
        Assert.Equal(0, _moves);
    }

    [Fact]
    public void Report_AnotherVersion_ContradictsOnceAndWinsOverBelief()
    {
        Assert.Null(_table.Report("old-1", V1));
        Assert.Equal(V1, _table.Report("old-1", V2));
        Assert.Null(_table.Report("old-1", V2));

        var instance = _table.Find("old-1")!;
        Assert.Equal((V2, V1, V1, true), (instance.Version, instance.Named, instance.Before, instance.IsUsable));
    }

    [Fact]
    public void Quarantine_UntilItIsProven_NoSessionGoesThere()
    {
        Assert.True(_table.Quarantine("OLD-1", "it contradicts itself"));
        Assert.False(_table.Quarantine("old-1", "it contradicts itself"));
        Assert.Equal(("it contradicts itself", false), (_table.Find("old-1")!.Problem, _table.Find("old-1")!.IsUsable));

        Assert.Null(_table.Report("old-1", V1));

        Assert.Equal((null, true), (_table.Find("old-1")!.Problem, _table.Find("old-1")!.IsUsable));
        Assert.False(_table.Quarantine("stranger", "nobody knows it"));
    }

    [Fact]
    public void Report_InstanceWithoutVersion_MakesItUsable()
    {
        Assert.Null(_table.Report("any-1", V2));
        Assert.Equal((V2, true), (_table.Find("any-1")!.Version, _table.Find("any-1")!.IsUsable));
        Assert.Null(_table.Report("stranger", V2));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void IsUsable_WhereInstancesCanBeAsked_NeedsAReport(bool byFingerprint)
    {
        var options = new GatewayOptions();
        if (byFingerprint)
            options.Versions.Discovery.Fingerprint = new FingerprintOptions { Path = "/login" };
        else
            options.Versions.Discovery.Path = "/health";
        var table = new InstanceTable(new GatewaySettings(
            options, [new("old-1", new Uri("http://10.0.0.1:8080"), V1)], new SessionRules([], []), [], V1, null,
            null));
        Assert.Equal((V1, false), (table.Find("old-1")!.Version, table.Find("old-1")!.IsUsable));

        table.Report("old-1", V1);

        Assert.True(table.Find("old-1")!.IsUsable);
    }

    [Fact]
    public void Configure_OtherInstances_TakeThePlaceOfThoseBeforeAndOnlyThoseOfTheApiStay()
    {
        Apply(Set("extra", o => o with { Address = "http://10.0.1.1", Version = V3 }));
        var moves = _moves;

        _table.Configure(
            [new("old-1", new Uri("http://10.0.0.1:8080"), V1), new("new-2", new Uri("http://10.0.0.9:8080"), V3)]);

        Assert.Equal(["extra", "new-2", "old-1"], _table.All.Select(i => i.Id).Order());
        Assert.Equal((true, false), (_table.IsConfigured("new-2"), _table.IsConfigured("old-2")));
        Assert.Equal([V1, V3], _table.ConfiguredVersions.Order());
        Assert.Equal(moves + 1, _moves);
    }

    [Fact]
    public void Configure_TheSameOrOnlyAnotherVersion_MovesNoAddress()
    {
        InstanceOptions[] instances = [new("old-1", new Uri("http://10.0.0.1:8080"), V1)];
        _table.Configure(instances);
        var (moves, changes) = (_moves, 0);
        _table.Changed += () => changes++;

        _table.Configure([.. instances]);
        Assert.Equal((moves, 0), (_moves, changes));
        _table.Configure([instances[0] with { Version = V2 }]);

        Assert.Equal((moves, 1), (_moves, changes));
        Assert.Equal(V2, _table.Find("old-1")!.Version);
    }

    [Fact]
    public void Apply_InstanceAtAnotherAddress_IsNotTakenForTheProcessThatReported()
    {
        var state = Set("extra", o => o with { Address = "http://10.0.1.1", Version = V1 });
        Apply(state);
        _table.Report("extra", V2);
        _table.Quarantine("extra", "it contradicts itself");
        _table.Report("old-1", V1);

        Apply(state.SetInstance("extra", o => o with { Address = "http://10.0.1.2", Version = V3 }, Now));

        Assert.Equal((V3, null, null),
            (_table.Find("extra")!.Version, _table.Find("extra")!.Reported, _table.Find("extra")!.Problem));
        Assert.Equal(V1, _table.Find("old-1")!.Reported);
    }

    [Fact]
    public void At_HostAndPort_FindsTheInstanceWhoseAddressHasThem()
    {
        Assert.Equal(["old-2"], _table.At("10.0.0.2", 8080).Select(i => i.Id));
        Assert.Empty(_table.At("10.0.0.2", 80));
    }

    private static RoutingState Set(string id, Func<InstanceOverride, InstanceOverride> change) =>
        Steady().SetInstance(id, change, Now);

    private void Apply(RoutingState state) => _table.Apply(state);

    private VersionInstances Of(params string[] ids) => _table.Of([.. ids.Select(i => new DestinationState(i))]);
}
