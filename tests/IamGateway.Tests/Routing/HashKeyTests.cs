using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using DemoIam;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using StackExchange.Redis;

namespace IamGateway.Tests.Routing;

/// <summary>IamGateway:Store:HashKey with whole gateways, on a real Redis and on the embedded store.</summary>
public sealed class HashKeyTests(RedisServer redis) : IClassFixture<RedisServer>, IDisposable
{
    private const string Key = "the-key-of-this-site-0123456789abcdef";
    private const string Other = "another-key-of-another-site-012345678";
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-hash-key-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Replicas_WithOneKey_NameSessionsAlikeEvenAfterTheStoreWasEmptied()
    {
        await using var iam = await StartIamAsync();
        await using var one = await Gateway.StartAsync([iam], OnRedis("alike", Key));
        await using var two = await Gateway.StartAsync([iam], OnRedis("alike", Key));
        var cookie = await LogInAsync(one);
        var name = await LookUpAsync(one, cookie);
        Assert.Equal(name, await LookUpAsync(two, cookie));
        var before = one.Service<Replica>().View.State;

        await redis.CommandAsync("FLUSHALL");

        foreach (var gateway in new[] { one, two })
        {
            Assert.True(await gateway.Service<Replica>().WaitForAsync(
                s => s.Generation.Tag != before.Generation.Tag && s.Replicas.Length == 2 && s.GenerationAcknowledged,
                TimeSpan.FromSeconds(20)));
        }

        await using var three = await Gateway.StartAsync([iam], OnRedis("alike", Key));
        var state = three.Service<Replica>().View.State;
        Assert.Equal((before.Id, before.HashKey), (state.Id, state.HashKey));
        Assert.Equal(name, NameOf(cookie, three.Service<Replica>().View.Secret).ToString());
    }

    [Theory]
    [InlineData(Key, Other, "named with another one; set the one that was used so far")]
    [InlineData(Key, null, "named with one, and here is none; set the one that was used so far")]
    [InlineData(null, Key, "named without it; take it out here")]
    public async Task Replica_WithAnotherKey_DoesNotBecomeReadyAndSaysWhatToDo(
        string? theirs, string? here, string reason)
    {
        var prefix = $"apart-{theirs?.Length ?? 0}-{here?.Length ?? 0}";
        await using var iam = await StartIamAsync();
        await using var one = await Gateway.StartAsync([iam], OnRedis(prefix, theirs));
        var (proxy, admin) = ($"http://127.0.0.1:{Ports.Next()}", $"http://127.0.0.1:{Ports.Next()}");
        var settings = OnRedis(prefix, here);
        settings["Kestrel:Endpoints:Proxy:Url"] = proxy;
        settings["Kestrel:Endpoints:Admin:Url"] = admin;
        settings["Logging:LogLevel:Default"] = "Trace";
        await using var two = GatewayProcess.Start(Gateway.Arguments([iam], settings));
        var said = "";
        await two.UntilAsync(async () =>
        {
            said = await ReadinessAsync(admin);
            return said.Contains(reason, StringComparison.Ordinal);
        });

        var me = Assert.Single(one.Service<Replica>().View.State.Replicas);
        Assert.Contains(
            $"IamGateway:Store:HashKey: sessions in the store are {reason}, or stop {me.Name} first", said,
            StringComparison.Ordinal);
        // The log comes through a queue.
        await two.UntilAsync(() => Task.FromResult(two.Output.Contains(reason, StringComparison.Ordinal)));
        await Assert.ThrowsAsync<HttpRequestException>(() => new HttpClient().GetAsync(new Uri(proxy)));
        await LogInAsync(one);
        await using var stored = await RedisAsync();
        Assert.Single((await StateAsync(stored, prefix)).Replicas);
        foreach (var secret in new[] { Key, Other })
            Assert.DoesNotContain(secret, said + two.Output, StringComparison.Ordinal);
    }

    /// <summary>
    /// Who steals the store and knows a handle: with the stored key alone they find its session, unless the key has a
    /// second half in the configuration.
    /// </summary>
    [Theory]
    [InlineData(null, true)]
    [InlineData(Key, false)]
    public async Task StolenStore_AndAKnownHandle_RevealNoSessionUnlessTheKeyLiesInTheStore(string? key, bool reveals)
    {
        var prefix = $"stolen-{key?.Length ?? 0}";
        await using var iam = await StartIamAsync();
        await using var gateway = await Gateway.StartAsync([iam], OnRedis(prefix, key));
        var cookie = await LogInAsync(gateway);
        var name = await LookUpAsync(gateway, cookie);
        await using var stored = await RedisAsync();
        var part = Convert.FromBase64String((await StateAsync(stored, prefix)).HashKey.Part);
        var dump = await DumpAsync(stored);

        Assert.Equal(reveals, HoldsName(dump, NameOf(cookie, part)));
        Assert.Equal(name, NameOf(cookie, gateway.Service<Replica>().View.Secret).ToString());
        Assert.True(HoldsName(dump, NameOf(cookie, gateway.Service<Replica>().View.Secret)));
        Assert.DoesNotContain(Key, dump, StringComparison.Ordinal);
        Assert.DoesNotContain(
            Convert.ToBase64String(gateway.Service<Replica>().View.Secret), key is null ? "" : dump,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task StateFile_OfAnotherKey_IsRefusedAndLeftAsItIsUntilTheKeyIsReplaced()
    {
        var file = Path.Combine(_directory.FullName, "state.json");
        await using var iam = await StartIamAsync();
        // A file of before has no check, and a key may begin with it.
        foreach (var key in new[] { null, Key })
            await (await Gateway.StartAsync([iam], OnFile(file, key))).DisposeAsync();
        var content = await File.ReadAllTextAsync(file);

        foreach (var key in new[] { null, Other })
        {
            var (exitCode, errors, _) = await GatewayProcess.RunAsync(Gateway.Arguments([iam], OnFile(file, key)));

            Assert.Equal(78, exitCode);
            Assert.Contains(errors, e => e.StartsWith(
                "IamGateway:Store:HashKey: sessions in the store are named with", StringComparison.Ordinal)
                && e.Contains("IamGateway:Store:ReplaceHashKey", StringComparison.Ordinal));
            Assert.Equal(content, await File.ReadAllTextAsync(file));
        }

        var settings = OnFile(file, Other);
        settings["IamGateway:Store:ReplaceHashKey"] = "true";
        await using var gateway = await Gateway.StartAsync([iam], settings);
        var events = await gateway.Admin.GetFromJsonAsync<JsonElement>("/api/v1/events");
        Assert.Contains("hash_key.exchanged", events.EnumerateArray().Select(e => e.Text("what")));
        Assert.True(gateway.Service<Replica>().View.State.HashKey.IsOf(Other));
    }

    private static Task<DemoIamInstance> StartIamAsync() => DemoIamInstance.StartAsync(
        new DemoIamOptions { Version = "8.2.1", Name = "old" }, new MemorySessionState());

    private Dictionary<string, string?> OnRedis(string prefix, string? key) => new()
    {
        ["ConnectionStrings:Redis"] = redis.ConnectionString,
        ["IamGateway:Store:KeyPrefix"] = prefix,
        ["IamGateway:Store:HashKey"] = key,
    };

    private static Dictionary<string, string?> OnFile(string file, string? key) => new()
    {
        ["IamGateway:Store:StateFile"] = file,
        ["IamGateway:Store:HashKey"] = key,
    };

    private static async Task<string> LogInAsync(Gateway gateway)
    {
        var cookies = new CookieContainer();
        using var handler = new HttpClientHandler { CookieContainer = cookies };
        using var client = new HttpClient(handler) { BaseAddress = gateway.Proxy };
        await client.GetStringAsync("/login");
        return cookies.GetCookies(gateway.Proxy)["IAM_SESSION"]!.Value;
    }

    private static async Task<string> LookUpAsync(Gateway gateway, string cookie)
    {
        var session = "";
        await Eventually.UntilAsync(async () =>
        {
            using var reply = await gateway.Admin.PostAsJsonAsync("/api/v1/sessions/lookup", new { handle = cookie });
            session = await reply.Content.ReadAsStringAsync();
            return reply.IsSuccessStatusCode;
        });
        return JsonDocument.Parse(session).RootElement.Text("key")!;
    }

    private static async Task<string> ReadinessAsync(string admin)
    {
        using var client = new HttpClient { BaseAddress = new Uri(admin) };
        try
        {
            using var response = await client.GetAsync("/health/ready");
            return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Text("reason")!;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            return "";
        }
    }

    private static SessionKey NameOf(string handle, byte[] secret) => SessionKey.Of(secret, "session", handle);

    private async Task<ConnectionMultiplexer> RedisAsync() =>
        await ConnectionMultiplexer.ConnectAsync($"{redis.ConnectionString},allowAdmin=true");

    private static async Task<RoutingState> StateAsync(ConnectionMultiplexer redis, string prefix)
    {
        await foreach (var key in redis.GetServers().Single().KeysAsync(pattern: $"*{prefix}*"))
        {
            if (await redis.GetDatabase().KeyTypeAsync(key) == RedisType.Hash
                && (string?)await redis.GetDatabase().HashGetAsync(key, "document") is { } document)
                return JsonSerializer.Deserialize<RoutingState>(document, RoutingJson.Options)!;
        }

        throw new InvalidOperationException("There is no routing state.");
    }

    private static async Task<string> DumpAsync(ConnectionMultiplexer redis)
    {
        await redis.GetServers().Single().ConfigSetAsync("rdbcompression", "no");
        var dump = new StringBuilder();
        await foreach (var key in redis.GetServers().Single().KeysAsync())
        {
            dump.AppendLine(Encoding.Latin1.GetString((byte[])key!));
            dump.AppendLine(Encoding.Latin1.GetString((byte[]?)await redis.GetDatabase().KeyDumpAsync(key) ?? []));
        }

        return dump.ToString();
    }

    private static bool HoldsName(string dump, SessionKey name)
    {
        var bytes = new byte[SessionKey.Size];
        name.Write(bytes);
        return dump.Contains(Encoding.Latin1.GetString(bytes), StringComparison.Ordinal)
            || dump.Contains(name.ToString(), StringComparison.Ordinal);
    }
}
