using IamGateway.Configuration;
using IamGateway.Tests.Pins;
using IamGateway.Tests.Routing;
using IamGateway.WebConsole;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.WebConsole;

public sealed class ConsoleTokensTests : IAsyncLifetime
{
    private const string Source = ConsoleTokens.ApiKeySource;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 3, 0, 0, TimeSpan.Zero));
    private readonly RoutingStoreDouble _routing = new();
    private readonly List<ReplicaRig> _rigs = [];

    public async ValueTask InitializeAsync()
    {
        await StartAsync("a", _routing);
        await StartAsync("b", _routing);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var rig in _rigs)
            await rig.DisposeAsync();
    }

    private async Task<ConsoleTokens> StartAsync(string name, RoutingStoreDouble routing)
    {
        var rig = new ReplicaRig(routing, new FakePinStore());
        rig.Settings.Options.Admin.ApiKeys.Add(
            new ApiKeyOptions { Name = "ops", Role = "operator", Sha256 = new string('a', 64) });
        _rigs.Add(rig);
        await rig.StartAsync(name);
        return Of(rig);
    }

    private ConsoleTokens Of(ReplicaRig rig) => new(rig.Settings, rig.Replica, _time);

    private List<ApiKeyOptions> KeysOfB => _rigs[1].Settings.Options.Admin.ApiKeys;

    [Fact]
    public void Token_OfOneReplica_IsKnownToAnother()
    {
        var token = Of(_rigs[0]).Create(Source, "ops", "operator")!;

        var who = Of(_rigs[1]).Read(token);

        Assert.Equal((Source, "ops", "operator"), (who?.Source, who?.Name, who?.Role));
    }

    [Fact]
    public async Task Token_OfAnotherGateway_IsNotKnown()
    {
        var stranger = await StartAsync("c", new RoutingStoreDouble());

        Assert.Null(Of(_rigs[0]).Read(stranger.Create(Source, "ops", "operator")!));
    }

    [Fact]
    public void Token_AfterItsLifetime_IsNotValid()
    {
        var tokens = Of(_rigs[0]);
        var token = tokens.Create(Source, "ops", "operator")!;

        _time.Advance(ConsoleTokens.Lifetime - TimeSpan.FromSeconds(1));
        Assert.NotNull(tokens.Read(token));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(tokens.Read(token));
    }

    [Theory]
    [InlineData("key taken out")]
    [InlineData("another role")]
    [InlineData("another key under the name")]
    public void Token_WhoseKeyIsNotConfiguredSoAnyMore_IsNotValid(string change)
    {
        var token = Of(_rigs[1]).Create(Source, "ops", "operator")!;
        Assert.NotNull(Of(_rigs[1]).Read(token));
        var key = KeysOfB.Single(k => k.Name == "ops");
        if (change == "key taken out")
            KeysOfB.Remove(key);
        else if (change == "another role")
            key.Role = "viewer";
        else
            key.Sha256 = new string('b', 64);

        Assert.Null(Of(_rigs[1]).Read(token));
    }

    [Theory]
    [InlineData("taken out")]
    [InlineData("another secret")]
    public void Token_OfAnOpenIdLoginWhoseClientIsNotConfiguredSoAnyMore_IsNotValid(string change)
    {
        var admin = _rigs[1].Settings.Options.Admin;
        admin.Oidc = new OidcOptions { Authority = "https://id", ClientId = "gw", ClientSecret = "one" };
        var token = Of(_rigs[1]).Create(ConsoleTokens.OidcSource, "carla", "operator")!;
        Assert.Equal("carla", Of(_rigs[1]).Read(token)?.Name);
        Assert.Null(Of(_rigs[0]).Read(token));
        if (change == "taken out")
            admin.Oidc = null;
        else
            admin.Oidc.ClientSecret = "two";

        Assert.Null(Of(_rigs[1]).Read(token));
    }

    [Fact]
    public void Token_ForAKeyThatIsNotConfigured_IsNotMade() =>
        Assert.Null(Of(_rigs[0]).Create(Source, "ops", "admin"));
}
