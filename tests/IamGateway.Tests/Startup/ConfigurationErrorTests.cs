using System.Net;
using System.Net.Sockets;
using IamGateway.Tests.Servers;
using StackExchange.Redis;

namespace IamGateway.Tests.Startup;

/// <summary>A start that cannot succeed: exit code 78 and one line for each problem that begins with its key.</summary>
public sealed class ConfigurationErrorTests(RedisServer redis) : IClassFixture<RedisServer>, IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-config-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("IamGateway:Sesions:0:Name", "x", "IamGateway:Sesions")]
    [InlineData("IamGateway:Store:Timeot", "00:00:01", "IamGateway:Store:Timeot")]
    [InlineData("IamGateway:RequestTimeout", "soon", "IamGateway:RequestTimeout")]
    [InlineData("IamGateway:RequestTimeout", "00:00:00", "IamGateway:RequestTimeout")]
    [InlineData("IamGateway:Store:MaxSessions", "many", "IamGateway:Store:MaxSessions")]
    [InlineData("IamGateway:Witness:Enabled", "perhaps", "IamGateway:Witness:Enabled")]
    [InlineData("IamGateway:Affinity", "Cluster", "IamGateway:Affinity")]
    [InlineData("IamGateway:Store", "redis", "IamGateway:Store")]
    [InlineData("IamGateway:Cluster:Name", "iam", "IamGateway:Cluster")]
    [InlineData("IamGateway:Demo", "maybe", "IamGateway:Demo")]
    [InlineData("IamGateway:Sessions:0:Cookie", null, "IamGateway:Sessions:0")]
    [InlineData("IamGateway:Sessions:1:Preset", "Nobody", "IamGateway:Sessions:1:Preset")]
    [InlineData("IamGateway:Versions:Initial", "8.2", "IamGateway:Versions:Initial")]
    [InlineData("IamGateway:Versions:Initial", "9.9.9", "IamGateway:Versions:Initial")]
    [InlineData("IamGateway:TestOnly:DisabledRules:0", "Barrier", "IamGateway:TestOnly:DisabledRules")]
    [InlineData(
        "IamGateway:Admin:ApiKeys:0:Name", "x", "IamGateway:Admin:ApiKeys:0:Sha256", "IamGateway:Admin:ApiKeys:0:Role")]
    [InlineData("IamGateway:Admin:Jwt:Authority", "http://127.0.0.1:1", "IamGateway:Admin:Jwt:Authority",
        "IamGateway:Admin:Jwt:Audience")]
    [InlineData("IamGateway:Admin:Oidc:Authority", "http://127.0.0.1:1", "IamGateway:Admin:Oidc:Authority",
        "IamGateway:Admin:Oidc:ClientId", "IamGateway:Admin:Oidc:ClientSecret")]
    [InlineData("IamGateway:Admin:AllowedHosts:0", "https://gateway", "IamGateway:Admin:AllowedHosts:0")]
    [InlineData("IamGateway:Admin:TrustedProxies:0", "10.0.0.0/99", "IamGateway:Admin:TrustedProxies:0")]
    [InlineData("ReverseProxy:Clusters:iam:Destinations:a:Address", "10.0.0.1:80",
        "ReverseProxy:Clusters:iam:Destinations:a:Address")]
    [InlineData(
        "ReverseProxy:Clusters:iam:Destinations:a:Address", null, "ReverseProxy:Clusters:iam:Destinations:a:Address")]
    [InlineData(
        "ReverseProxy:Clusters:iam:Destinations:b:Address", "HTTP://127.0.0.1:9/",
        "ReverseProxy:Clusters:iam:Destinations:b:Address",
        "ReverseProxy:Clusters:iam:Destinations:b:Metadata:Version")]
    [InlineData("ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version", "8.2",
        "ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version")]
    [InlineData("ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version", null,
        "ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version")]
    [InlineData("ReverseProxy:Routes:iam:Match:Path", "{rest", "ReverseProxy")]
    [InlineData("IamGateway:Cluster", "other", "ReverseProxy:Clusters:other:Destinations")]
    [InlineData("Kestrel:Endpoints:Admin:Url", "http://*:0", "Kestrel:Endpoints:Admin:Url")]
    [InlineData("Kestrel:Endpoints:Admin:Url", "http://0.0.0.0:0", "Kestrel:Endpoints:Admin:Url")]
    [InlineData("Kestrel:Endpoints:Admin:Url", "http://[::]:0", "Kestrel:Endpoints:Admin:Url")]
    [InlineData("Kestrel:Endpoints:AdminToo:Url", "http://*:0", "Kestrel:Endpoints:AdminToo:Url")]
    [InlineData("Kestrel:Endpoints:Proxy:Url", "nonsense", "Kestrel:Endpoints:Proxy:Url")]
    [InlineData("Kestrel:Endpoints:Proxy:Url", "http://127.0.0.1:99999", "Kestrel:Endpoints:Proxy:Url")]
    [InlineData("Kestrel:Endpoints:Proxy:Url", "https://127.0.0.1:0", "Kestrel:Endpoints:Proxy")]
    [InlineData(
        "ConnectionStrings:Redis", "127.0.0.1:1,password=secret-word,nonsense=secret-word", "ConnectionStrings:Redis")]
    [InlineData("ConnectionStrings:Redis", "127.0.0.1:1,password=secret-word", "ConnectionStrings:Redis")]
    [InlineData("IamGateway:Store:StateFile", "/nowhere/state.json", "IamGateway:Store:StateFile")]
    [InlineData("IamGateway:Store:StateFile", "/tmp", "IamGateway:Store:StateFile")]
    [InlineData("IamGateway:Store:HashKey", "secret-word", "IamGateway:Store:HashKey")]
    [InlineData("Logging:LogLevel:Default", "Loud", "Logging:LogLevel")]
    public async Task Setting_ThatIsWrong_IsNamed(string key, string? value, params string[] keys)
    {
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(GatewayProcess.Arguments((key, value)));

        AssertRefused(exitCode, errors, keys);
        Assert.DoesNotContain(errors, e => e.Contains("secret-word", StringComparison.Ordinal));
    }

    /// <summary>Fault: an unknown key or a value of the wrong type hid all other problems.</summary>
    [Fact]
    public async Task Settings_WithManyProblems_AreAllNamedAtOnce()
    {
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(GatewayProcess.Arguments(
            ("IamGateway:Unknown", "x"), ("IamGateway:RequestTimeout", "soon"),
            ("IamGateway:Store:SessionTtl", "00:00:01"),
            ("IamGateway:Admin:ApiKeys:0:Role", "root"), ("IamGateway:Stateless:0", "static"),
            ("IamGateway:TestOnly:DisabledRules:0", "Barrier"),
            ("ReverseProxy:Clusters:iam:Destinations:b:Address", "ftp://10.0.0.1"),
            ("ReverseProxy:Clusters:iam:Destinations:c:Address", "http://10.0.0.3"),
            ("ReverseProxy:Clusters:iam:Destinations:c:Metadata:Version", "8.3.0"),
            ("Kestrel:Endpoints:Admin:Url", "http://*:0"), ("Kestrel:Endpoints:Proxy:Url", "nonsense"),
            ("ConnectionStrings:Redis", ",,")));

        AssertRefused(
            exitCode, errors, "IamGateway:Unknown", "IamGateway:RequestTimeout", "IamGateway:Store:SessionTtl",
            "IamGateway:Admin:ApiKeys:0:Name", "IamGateway:Admin:ApiKeys:0:Sha256", "IamGateway:Admin:ApiKeys:0:Role",
            "IamGateway:Stateless:0", "IamGateway:TestOnly:DisabledRules",
            "ReverseProxy:Clusters:iam:Destinations:b:Address",
            "IamGateway:Versions:Initial", "Kestrel:Endpoints:Proxy:Url", "ConnectionStrings:Redis");
    }

    [Fact]
    public async Task Versions_SeveralWithoutInitial_AreNamed()
    {
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(GatewayProcess.Arguments(
            ("ReverseProxy:Clusters:iam:Destinations:b:Address", "http://127.0.0.1:10"),
            ("ReverseProxy:Clusters:iam:Destinations:b:Metadata:Version", "8.3.0")));

        AssertRefused(exitCode, errors, "IamGateway:Versions:Initial");
        Assert.Contains("8.2.1 and 8.3.0", errors[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Proxy")]
    [InlineData("Admin")]
    public async Task Port_InUse_IsNamedWithItsListener(string endpoint)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(
            GatewayProcess.Arguments(($"Kestrel:Endpoints:{endpoint}:Url", $"http://127.0.0.1:{port}")));

        AssertRefused(exitCode, errors, $"Kestrel:Endpoints:{endpoint}");
        Assert.Contains($"127.0.0.1:{port}", errors[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("allkeys-lru")]
    [InlineData("volatile-ttl")]
    public async Task Redis_ThatEvicts_IsRefused(string policy)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(
            $"{redis.ConnectionString},allowAdmin=true");
        var server = connection.GetServers().Single();
        await server.ConfigSetAsync("maxmemory", "100mb");
        await server.ConfigSetAsync("maxmemory-policy", policy);
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(
            GatewayProcess.Arguments(("ConnectionStrings:Redis", redis.ConnectionString)));

        AssertRefused(exitCode, errors, "ConnectionStrings:Redis");
        Assert.Contains(policy, errors[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("not JSON")]
    [InlineData("[]")]
    public async Task StateFile_ThatIsNone_IsRefusedAndLeftAsItIs(string content)
    {
        var file = Write("state.json", content);
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(
            GatewayProcess.Arguments(("IamGateway:Store:StateFile", file)));

        AssertRefused(exitCode, errors, "IamGateway:Store:StateFile");
        Assert.Equal(content, await File.ReadAllTextAsync(file));
    }

    [Theory]
    [InlineData("--config", "/nowhere/gateway.json")]
    [InlineData("--config=/nowhere/gateway.json")]
    [InlineData("--config=/tmp")]
    [InlineData("--config=")]
    [InlineData("--config")]
    public async Task ConfigFile_ThatIsNotThere_IsNamed(params string[] arguments)
    {
        var (exitCode, errors, _) = await GatewayProcess.RunAsync([.. GatewayProcess.Arguments(), .. arguments]);

        AssertRefused(exitCode, errors, "--config");
    }

    [Theory]
    [InlineData("{", "gateway.json")]
    [InlineData("[]", "gateway.json")]
    [InlineData("""{"IamGateway":{"Cluster":"iam"} "x":1}""", "gateway.json")]
    [InlineData(
        """{"ReverseProxy":{"Clusters":{"iam":{"Destinations":{"a":{"Address":"x"},"A":{"Address":"y"}}}}}}""",
        "Destinations:A")]
    public async Task ConfigFile_ThatIsBroken_IsNamedWithThePlace(string content, string word)
    {
        var file = Write("gateway.json", content);
        var (exitCode, errors, _) = await GatewayProcess.RunAsync([.. GatewayProcess.Arguments(), "--config", file]);

        AssertRefused(exitCode, errors, "--config");
        Assert.Contains(word, errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Instance_IdsThatDifferInCaseOnly_AreOneInstanceForTheConfiguration()
    {
        // Keys of different sources are merged without regard to case, as everywhere in .NET; within a file they are
        // refused.
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(GatewayProcess.Arguments(
            ("ReverseProxy:Clusters:iam:Destinations:A:Address", "nonsense")));

        Assert.Equal(78, exitCode);
        Assert.StartsWith("ReverseProxy:Clusters:iam:Destinations:", Assert.Single(errors), StringComparison.Ordinal);
    }

    private string Write(string name, string content)
    {
        var file = Path.Combine(_directory.FullName, name);
        File.WriteAllText(file, content);
        return file;
    }

    private static void AssertRefused(int exitCode, string[] errors, params string[] keys)
    {
        Assert.True(exitCode == 78, $"exit code {exitCode}: {string.Join('\n', errors)}");
        Assert.Equal(keys.Order(), errors.Select(e => e[..e.IndexOf(": ", StringComparison.Ordinal)]).Order());
        Assert.All(errors, e => Assert.EndsWith(".", e.Trim(), StringComparison.Ordinal));
    }
}
