using System.Net;
using System.Security.Cryptography;
using System.Text;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Edge;
using IamGateway.Tests.Rollouts;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using StackExchange.Redis;

namespace IamGateway.Tests.Pins;

/// <summary>Redis lets the gateway do what it must and nothing else, and nobody reads along.</summary>
public sealed class RedisAccessTests : IDisposable
{
    private const string Password = "password-of-the-store-0815";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iamgw-acl-");

    public void Dispose() => _folder.Delete(recursive: true);

    // The file as it is delivered, with a password, and a user beside who looks what was denied.
    private async Task<RedisServer> StartAsync()
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Password)));
        var file = Path.Combine(_folder.FullName, "users.acl");
        var users = Repository.Read("config/redis/users.acl").Replace("#HEX", $"#{hash}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, $"{users}user auditor on nopass ~* &* +@all\n");
        OutputWatch.Current?.Places.Stores.TryAdd(("auditor", "any"), 0);
        var redis = new RedisServer { Options = ["--aclfile", file] };
        await redis.StartAsync();
        return redis;
    }

    private static string Connection(RedisServer redis, string password = Password) =>
        $"{redis.ConnectionString},user=iamgw,password={password}";

    private static async Task<string[]> DeniedAsync(RedisServer redis)
    {
        await using var auditor = await ConnectionMultiplexer.ConnectAsync(
            $"{redis.ConnectionString},user=auditor,password=any,allowAdmin=true");
        var log = (RedisResult[])(await auditor.GetDatabase().ExecuteAsync("ACL", "LOG"))!;
        return [.. log.Select(entry => entry.ToDictionary()).Select(e => $"{e["reason"]} {e["object"]}").Order()];
    }

    [Fact]
    public async Task AclFile_ALifeOfTheGateway_NeedsNothingMore()
    {
        await using var redis = await StartAsync();
        var store = new Dictionary<string, string?> { ["ConnectionStrings:Redis"] = Connection(redis) };
        await using (var site = await RolloutSite.StartAsync(s => s["ConnectionStrings:Redis"] = Connection(redis)))
        {
            await site.LogInAsync(3);
            await using (var other = await Gateway.StartAsync(site.Instances, store))
            {
                await site.BeginAsync("\"steps\":[{\"weight\":50,\"hold\":\"10m\"},{\"weight\":100}]");
                await site.UntilWaitingAsync("hold", 0);
            }

            await site.UseAsync(3);
            (await site.PostAsync("instances/old-1/drain")).EnsureSuccessStatusCode();
            (await site.PostAsync("instances/old-1/resume")).EnsureSuccessStatusCode();
            await site.SayAsync("revoke", """{"confirm":"8.3.0"}""");
            await site.UseAsync(1);
            await site.LogInAgainAsync();
            await site.UseAsync(1);
            await site.LogOutAsync();
            // Sessions of the revoked version have ended, and nothing else.
            Assert.All(site.Failures, f => Assert.Equal(HttpStatusCode.Unauthorized, f.Status));
            Assert.Contains(
                "version.revoke", (await site.GetAsync("events")).EnumerateArray().Select(e => e.Text("what")));
            await using var again = await Gateway.StartAsync(site.Instances, store);
            Assert.Contains(
                "\"up\":true", await again.Admin.GetStringAsync("/api/v1/status"), StringComparison.Ordinal);
            // What only many requests a second make it do.
            var (pins, view) = (again.Service<IPinStore>(), again.Service<Replica>().View);
            var lease = new HeldLease(Some.Key(1), Some.Lease(1), view.Newest);
            await pins.LeaseAsync(view.Terms, lease.Root, lease.Id, lease.Ordinal, 0);
            Assert.True(Assert.Single(await pins.AreHeldAsync(view.Terms, [lease])));
        }

        // The library tries it, and does without; it would show the passwords of other servers.
        Assert.Equal(["command config|get"], await DeniedAsync(redis));
    }

    [Theory]
    [InlineData("FLUSHALL")]
    [InlineData("FLUSHDB")]
    [InlineData("CONFIG", "SET", "maxmemory", "1")]
    [InlineData("CONFIG", "GET", "*")]
    [InlineData("KEYS", "*")]
    [InlineData("GET", "other:key")]
    [InlineData("SET", "other:key", "1")]
    [InlineData("EVAL", "return redis.call('GET', 'other:key')", "0")]
    [InlineData("EVAL", "return redis.call('FLUSHALL')", "0")]
    [InlineData("ACL", "LIST")]
    [InlineData("CLIENT", "KILL", "TYPE", "normal")]
    [InlineData("MONITOR")]
    [InlineData("SHUTDOWN")]
    [InlineData("REPLICAOF", "127.0.0.1", "1")]
    [InlineData("PUBLISH", "other", "1")]
    public async Task AclFile_WhatTheGatewayDoesNotNeed_IsDenied(string command, params string[] arguments)
    {
        await using var redis = await StartAsync();
        await using var user = await ConnectionMultiplexer.ConnectAsync($"{Connection(redis)},allowAdmin=true");

        var denied = await Assert.ThrowsAsync<RedisServerException>(
            () => user.GetDatabase().ExecuteAsync(command, arguments));

        Assert.Matches("^NOPERM|permissions|The user executing the script can't", denied.Message);
    }

    [Fact]
    public async Task Password_ThatIsWrong_IsNotPrinted()
    {
        await using var redis = await StartAsync();
        const string Wrong = "wrong-password-0815";

        var (code, errors, output) = await GatewayProcess.RunAsync(GatewayProcess.Arguments(
            ("ConnectionStrings:Redis", Connection(redis, Wrong)), ("Logging:LogLevel:Default", "Trace")));

        Assert.Equal(78, code);
        Assert.Contains(
            $"ConnectionStrings:Redis: Redis at {redis.ConnectionString} refuses the user or the password; correct "
            + "them.",
            string.Join('\n', errors), StringComparison.Ordinal);
        Assert.DoesNotContain(Wrong, string.Join('\n', errors) + output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_WithAnAuthorityOfItsOwn_IsTrustedOnlyWhenItIsNamed()
    {
        using var pki = new Pki("stores");
        var (certificate, key) = pki.Issue("redis");
        var port = Ports.Next();
        await using var redis = new RedisServer
        {
            Options =
            [
                "--requirepass", Password, "--tls-port", $"{port}", "--tls-cert-file", certificate, "--tls-key-file",
                key, "--tls-ca-cert-file", pki.AuthorityFile, "--tls-auth-clients", "no",
            ],
        };
        await redis.StartAsync();
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        var arguments = GatewayProcess.Arguments(
            ("ConnectionStrings:Redis", $"localhost:{port},ssl=true,password={Password}"),
            ("Kestrel:Endpoints:Admin:Url", admin), ("Logging:LogLevel:Default", "Trace"),
            ("IamGateway:Store:Timeout", "00:00:05"));

        var (code, errors, output) = await GatewayProcess.RunAsync(arguments);
        await using var process = GatewayProcess.Start(arguments, ("SERedis_IssuerCertPath", pki.AuthorityFile));
        await process.UntilReadyAsync(admin);

        Assert.Equal(78, code);
        Assert.Contains("ConnectionStrings:Redis", string.Join('\n', errors), StringComparison.Ordinal);
        Assert.Contains("its certificate is not trusted", string.Join('\n', errors), StringComparison.Ordinal);
        Assert.DoesNotContain(
            Password, string.Join('\n', errors) + output + process.Output, StringComparison.Ordinal);
    }
}
