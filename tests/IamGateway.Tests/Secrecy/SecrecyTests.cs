using System.Text;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using Microsoft.AspNetCore.Http;
using StackExchange.Redis;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// The search for secrets can fail: what is planted is found, secrets are learnt wherever tests use them, and every
/// kind of output is looked at.
/// </summary>
public sealed class SecrecyTests(RedisServer redis) : IClassFixture<RedisServer>, IDisposable
{
    private const string Secret = "Zm9v+YmFy/4711==";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iamgw-secrecy-");
    private readonly Secrets _secrets = new();

    public void Dispose() => _folder.Delete(recursive: true);

    private IReadOnlyList<string> Leaks(params string[] texts)
    {
        var outputs = new Outputs(_folder);
        foreach (var text in texts)
            outputs.Of("log").Write(text);
        return outputs.Leaks(_secrets);
    }

    [Theory]
    [InlineData("as it is: Zm9v+YmFy/4711==")]
    [InlineData("in an address: ?code=Zm9v%2BYmFy%2F4711%3D%3D&state=1")]
    [InlineData("in JSON: \"Zm9v\\u002BYmFy/4711==\"")]
    public void Leak_InAnyForm_IsFoundWithItsPlaceAndNotShown(string text)
    {
        _secrets.Add(Secret);

        var leak = Assert.Single(Leaks("first line", text, "last line"));

        Assert.StartsWith(
            $"log of {nameof(SecrecyTests)}.{nameof(Leak_InAnyForm_IsFoundWithItsPlaceAndNotShown)}: Zm9...", leak,
            StringComparison.Ordinal);
        Assert.Contains(text[..8], leak, StringComparison.Ordinal);
        Assert.DoesNotContain("YmFy", leak, StringComparison.Ordinal);
    }

    [Fact]
    public void Leak_WhereTwoPartsOfALongOutputMeet_IsFound()
    {
        for (var i = 0; i < 40; i++)
            _secrets.Add($"secret-{i:D3}-{new string('x', 40 * i)}-end");
        var parts = Enumerable.Range(0, 40).Select(
            i => $"{new string('.', 99_991)}secret-{i:D3}-{new string('x', 40 * i)}-end");

        Assert.Equal(40, Leaks(string.Concat(parts)).Count);
    }

    [Fact]
    public void NoLeak_OfWhatOnlyBeginsLikeASecret()
    {
        _secrets.Add(Secret);
        _secrets.Add("another-secret");

        Assert.Empty(Leaks(Secret[..^1], "another-secre", "t", ""));
    }

    [Theory]
    [InlineData("")]
    [InlineData("key-of-ann1")]
    [InlineData("aaaaaaaaaaaaaaaabbbbbbbbbbbb")]
    public void Value_ShortOrOfFewCharacters_IsNoSecret(string value)
    {
        _secrets.Add(value);

        Assert.Empty(_secrets.Values);
    }

    [Fact]
    public void Value_ThatIsShownOnPurpose_IsNoLeak()
    {
        _secrets.Add("key-of-the-demo");
        _secrets.Show("key-of-the-demo");

        Assert.Empty(Leaks("key-of-the-demo"));
    }

    [Fact]
    public async Task Secrets_OfRequestsAndResponses_AreLearnt()
    {
        var name = Guid.NewGuid().ToString("N");
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers.SetCookie = $"IAM_SESSION=set-{name}; Path=/";
            http.Response.Headers.Location = $"/callback?code=location-{name}&state=state-{name}";
            return Task.CompletedTask;
        });
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{backend.Address}?access_token=query-{name}");
        request.Headers.Add("Cookie", $"a=first-{name}; b=\"second-{name}\"");
        request.Headers.Add("X-Api-Key", $"key-{name}");
        request.Headers.Add("Authorization", $"Bearer bearer-{name}");
        request.Content = new FormUrlEncodedContent(
            [new("password", $"password-{name}"), new("user", $"user-{name}")]);
        using var response = await client.SendAsync(request);
        using var json = new StringContent($$"""{"handle":"json-{{name}}"}""", null, "application/json");
        using var other = await client.PostAsync(backend.Address, json);

        Assert.Equal(
            ["bearer", "first", "json", "key", "location", "password", "query", "second", "set"],
            SecrecyRun.Secrets.Values.Where(v => v.EndsWith(name, StringComparison.Ordinal))
                .Select(v => v[..^(name.Length + 1)]).Order());
    }

    [Fact]
    public void Secrets_OfConfigurations_AreLearnt()
    {
        var file = Path.Combine(_folder.FullName, "gateway.json");
        File.WriteAllText(file, """{"IamGateway":{"Admin":{"Oidc":{"ClientSecret":"secret-of-file"}}}}""");
        var places = new SecretPlaces(_secrets);

        places.Configuration(
            [
                "--IamGateway:Witness:Keys:1=witness-key-one", "--IamGateway:Rollout:Webhooks:0:Secret=webhook-secret",
                "--IamGateway:Sessions:3:Query=ticket", "--config", file,
                "--IamGateway:Admin:ApiKeys:0:Name=no-secret-at-all",
            ],
            new Dictionary<string, string?>
            {
                ["ConnectionStrings__Redis"] = "redis:6379,user=u,password=redis-password",
            });
        places.Address("/page?ticket=ticket-of-user&other=value-of-other");

        Assert.Equal(
            ["redis-password", "secret-of-file", "ticket-of-user", "webhook-secret", "witness-key-one"],
            _secrets.Values.Order());
        Assert.Equal(("u", "redis-password"), Assert.Single(places.Stores.Keys));
    }

    // What is no secret, but stands in the output of that kind, is found like one.
    private static void AssertFound(string kind, string word)
    {
        var secrets = new Secrets();
        secrets.Add(word);
        Assert.Contains(
            SecrecyRun.Outputs.Leaks(secrets),
            l => l.StartsWith($"{kind} of {nameof(SecrecyTests)}.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Outputs_OfAGatewayInThisProcess_AreKept()
    {
        var prefix = $"p{Guid.NewGuid():N}"[..20];
        var instance = $"instance-{Guid.NewGuid():N}";
        await using (var server = await AdminServer.StartAsync(
            ("ConnectionStrings:Redis", redis.ConnectionString), ("IamGateway:Store:KeyPrefix", prefix),
            ($"ReverseProxy:Clusters:iam:Destinations:{instance}:Address", "http://127.0.0.1:9"),
            ($"ReverseProxy:Clusters:iam:Destinations:{instance}:Metadata:Version", "8.2.1")))
        {
            using var problem = await server.SendAsync("GET", $"/api/v1/unknown-{instance}");
            await problem.Content.ReadAsStringAsync();
            await server.OkAsync("POST", $"/api/v1/instances/{instance}/drain");
        }

        AssertFound("answers", $"iamgateway_instance_state{{instance=\"{instance}\"");
        AssertFound("answers", $"There is nothing at /api/v1/unknown-{instance}");
        AssertFound("answers", "\"what\":\"instance.drain\"");
        AssertFound("log", "is registered as");
        SecrecyRun.Dump(redis.Port);
        AssertFound("store", prefix + ":{r}:events");
    }

    [Fact]
    public async Task Store_WithAPassword_IsReadIfItIsKnownAndElseMissed()
    {
        await using var own = new RedisServer { Options = ["--requirepass", "password-of-the-store"] };
        await own.StartAsync();
        await using (var client = await ConnectionMultiplexer.ConnectAsync(
            $"{own.ConnectionString},password=password-of-the-store"))
        {
            await client.GetDatabase().StringSetAsync("iamgw:key", Secret + Secret);
            await client.GetDatabase().StringSetAsync("op:key", "value-of-an-instance");
        }

        var read = new StringBuilder();
        RedisDump.Read(own.Port, [(null, "another"), (null, "password-of-the-store")], t => read.AppendLine(t));

        Assert.Contains(Secret + Secret, read.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("value-of-an-instance", read.ToString(), StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => RedisDump.Read(own.Port, [(null, "another")], _ => { }));
    }

    [Fact]
    public async Task Outputs_OfAGatewayProcess_AreKept()
    {
        var name = $"unknown-{Guid.NewGuid():N}";

        await GatewayProcess.RunAsync(GatewayProcess.Arguments(($"IamGateway:{name}", "1")));

        AssertFound("output of IamGateway.dll", name);
    }

    [Fact]
    public async Task Outputs_OfACollectorOfTraces_AreKept()
    {
        var name = $"span-{Guid.NewGuid():N}";
        await using var collector = await OtlpReceiver.StartAsync();
        using var client = new HttpClient();
        using var span = new StringContent(name);

        using var taken = await client.PostAsync(
            new Uri($"{collector.Settings["OTEL_EXPORTER_OTLP_ENDPOINT"]}/v1/traces"), span);

        AssertFound("traces", name);
    }
}
