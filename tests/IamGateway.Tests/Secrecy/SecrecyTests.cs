using System.Text;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using StackExchange.Redis;

namespace IamGateway.Tests.Secrecy;

/// <summary>Secrets of configurations are learnt, and what is put out is kept, so that a search can find it.</summary>
public sealed class SecrecyTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iamgw-secrecy-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Secrets_OfConfigurations_AreLearnt()
    {
        var file = Path.Combine(_folder.FullName, "gateway.json");
        File.WriteAllText(file, """{"IamGateway":{"Admin":{"Oidc":{"ClientSecret":"secret-of-file"}}}}""");
        var secrets = new Secrets();
        var places = new SecretPlaces(secrets);

        places.Configuration(
            [
                "--IamGateway:Witness:Keys:1=witness-key-one", "--IamGateway:Rollout:Webhooks:0:Secret=webhook-secret",
                "--IamGateway:Store:HashKey=hash-key-of-the-store", "--IamGateway:Sessions:3:Query=ticket",
                "--config", file, "--IamGateway:Admin:ApiKeys:0:Name=no-secret-at-all",
            ],
            new Dictionary<string, string?>
            {
                ["ConnectionStrings__Redis"] = "redis:6379,user=u,password=redis-password",
            });
        places.Address("/page?ticket=ticket-of-user&other=value-of-other");

        Assert.All(
            (string[])
            [
                "redis-password", "secret-of-file", "ticket-of-user", "webhook-secret", "witness-key-one",
                "hash-key-of-the-store",
            ],
            s => Assert.True(secrets.Contains(s), s));
        Assert.Equal(6, secrets.Count);
        Assert.Equal(("u", "redis-password"), Assert.Single(places.Stores.Keys));
    }

    [Theory]
    [InlineData("6e0b.session-of-keycloak.0b1c", "session-of-keycloak")]
    [InlineData("c2Vzc2lvbi1vZi1rZXljbG9hay5zaWduYXR1cmU.route", "session-of-keycloak")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzaWQiOiJzZXNzaW9uLW9mLWtleWNsb2FrIn0.c2ln", "session-of-keycloak")]
    public void Secrets_ThatRulesTakeOutOfAValue_AreLearnt(string value, string name)
    {
        var secrets = new Secrets();

        new SecretPlaces(secrets).Header("Cookie", $"AUTH_SESSION_ID={value}");

        Assert.True(secrets.Contains(value));
        Assert.True(secrets.Contains(name));
    }

    [Fact]
    public async Task Store_WithAPassword_IsReadIfItIsKnownAndElseMissed()
    {
        await using var own = new RedisServer { Options = ["--requirepass", "password-of-the-store"] };
        await own.StartAsync();
        const string Value = "value-of-a-gateway-that-is-long-enough-to-be-compressed-compressed-compressed-compressed";
        await using (var client = await ConnectionMultiplexer.ConnectAsync(
            $"{own.ConnectionString},password=password-of-the-store"))
        {
            await client.GetDatabase().StringSetAsync("iamgw:key", Value);
            await client.GetDatabase().StringSetAsync("op:key", "value-of-an-instance");
        }

        var read = new StringBuilder();
        RedisDump.Read(own.Port, [(null, "another"), (null, "password-of-the-store")], t => read.AppendLine(t));

        Assert.Contains(Value, read.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("value-of-an-instance", read.ToString(), StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => RedisDump.Read(own.Port, [(null, "another")], _ => { }));
    }

    [Fact]
    public async Task Store_ThatEnds_IsReadAndOneThatCannotBeIsAFinding()
    {
        using var watch = new OutputWatch().UseForThisTest();
        await using (var own = new RedisServer { Options = ["--requirepass", "password-of-the-store"] })
        {
            await own.StartAsync();
            await using var client = await ConnectionMultiplexer.ConnectAsync(
                $"{own.ConnectionString},password=password-of-the-store");
            await client.GetDatabase().StringSetAsync("iamgw:key", "password-of-the-store");
        }

        watch.Dump(Ports.Next());

        Assert.Collection(
            watch.Findings(),
            f => Assert.StartsWith("store of SecrecyTests.Store_ThatEnds", f, StringComparison.Ordinal),
            f => Assert.StartsWith("not searched: store of SecrecyTests.", f, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Outputs_OfAGatewayProcess_AreKept()
    {
        using var watch = new OutputWatch().UseForThisTest();
        var name = $"unknown-{Guid.NewGuid():N}";

        await GatewayProcess.RunAsync(GatewayProcess.Arguments(($"IamGateway:{name}", "1")));

        watch.AssertKept("output of IamGateway.dll", name);
    }

    [Fact]
    public async Task Outputs_OfACollectorOfTraces_AreKept()
    {
        using var watch = new OutputWatch().UseForThisTest();
        var name = $"span-{Guid.NewGuid():N}";
        await using var collector = await OtlpReceiver.StartAsync();
        using var client = new HttpClient();
        using var span = new StringContent(name);

        using var taken = await client.PostAsync(
            new Uri($"{collector.Settings["OTEL_EXPORTER_OTLP_ENDPOINT"]}/v1/traces"), span);

        watch.AssertKept("traces", name);
    }
}
