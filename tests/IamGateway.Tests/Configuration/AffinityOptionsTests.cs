using IamGateway.Admin;
using IamGateway.Configuration;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Configuration;

public sealed class AffinityOptionsTests
{
    private static GatewaySettings? Read(
        ConfigurationProblems problems, params (string Key, string? Value)[] settings) => GatewaySettingsReader.Read(
        new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>(
            settings.Select(s => KeyValuePair.Create("IamGateway:" + s.Key, s.Value)))
        {
            ["IamGateway:Versions:Initial"] = "8.2.1",
            ["IamGateway:Sessions:0:Name"] = "session",
            ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
        }).Build(),
        "Production", problems);

    [Theory]
    [InlineData(null)]
    [InlineData("Stay")]
    public void Instance_SessionsThatAreNotSaidToMigrate_Stay(string? existing)
    {
        var problems = new ConfigurationProblems();

        var settings = Read(problems, ("Affinity", "Instance"), ("Migration:ExistingSessions", existing));

        Assert.Empty(problems.Lines);
        Assert.Equal(ExistingSessions.Stay, settings!.Options.Migration.ExistingSessions);
    }

    [Theory]
    [InlineData("Migrate")]
    [InlineData("migrate")]
    public void Instance_SessionsThatAreToMigrate_IsAProblem(string existing)
    {
        var problems = new ConfigurationProblems();

        Assert.Null(Read(problems, ("Affinity", "Instance"), ("Migration:ExistingSessions", existing)));

        Assert.StartsWith(
            "IamGateway:Migration:ExistingSessions: ", Assert.Single(problems.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Version_SessionsMigrateUnlessSaidOtherwise()
    {
        Assert.Equal(
            ExistingSessions.Migrate, Read(new ConfigurationProblems())!.Options.Migration.ExistingSessions);
    }

    [Theory]
    [InlineData("migrate", false)]
    [InlineData("stay", true)]
    [InlineData(null, true)]
    public void Rollout_WithInstanceAffinity_LetsSessionsStay(string? existing, bool isAccepted)
    {
        var options = Read(new ConfigurationProblems(), ("Affinity", "Instance"))!.Options;
        var body = new RolloutBody("8.3.0", existing, null, true, null, null, null);

        Assert.Equal(isAccepted, RolloutBodyReader.TryRead(body, options, out var order, out var sentence));

        Assert.True(isAccepted ? order!.ExistingSessions == ExistingSessions.Stay : sentence.Contains("stay"));
    }
}
