using IamGateway.Configuration;
using IamGateway.Tests.Servers;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Configuration;

/// <summary>
/// The samples under config/ are copied by operators, so each must be valid, start, and promise nothing that is not
/// there.
/// </summary>
public sealed class SampleTests(RedisServer redis) : IClassFixture<RedisServer>
{
    public static TheoryData<string> Samples() =>
        [.. Repository.Files("config", "*.json").Select(f => Path.GetFileName(f))];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_InProduction_HasNoProblem(string sample)
    {
        var problems = new ConfigurationProblems();

        var settings = GatewaySettingsReader.Read(Load(sample), "Production", problems);

        Assert.Empty(problems.Lines);
        Assert.NotNull(settings);
        Assert.Equal(2, settings.Versions.Count);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Sample_WithListenersAndStoreOfThisMachine_StartsAndIsReady(string sample)
    {
        var problems = new ConfigurationProblems();
        List<string> arguments =
        [
            "--config", Repository.Path($"config/{sample}"), "--environment=Production",
                "--IamGateway:Store:StateFile=",
            "--Kestrel:Endpoints:Proxy:Url=http://127.0.0.1:0", "--Kestrel:Endpoints:Admin:Url=http://127.0.0.1:0",
            "--Logging:LogLevel:Default=None", "--Logging:LogLevel:Yarp=None",
                "--Logging:LogLevel:Microsoft.Hosting.Lifetime=None",
        ];
        if (Load(sample).GetConnectionString("Redis") is not null)
            arguments.Add($"--ConnectionStrings:Redis={redis.ConnectionString}");

        await using var gateway = await GatewayHost.StartAsync([.. arguments], problems, TimeProvider.System);

        Assert.Empty(problems.Lines);
        using var admin = new HttpClient { BaseAddress = new Uri(gateway!.AdminAddress) };
        using var ready = await admin.GetAsync("/health/ready");
        Assert.True(ready.IsSuccessStatusCode);
    }

    private static IConfiguration Load(string sample) =>
        new ConfigurationBuilder().AddJsonFile(Repository.Path($"config/{sample}")).Build();
}
