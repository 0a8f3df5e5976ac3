using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using StackExchange.Redis;

namespace IamGateway.Tests.Admin;

/// <summary>
/// Session handles, API keys and passwords stand nowhere: not in what the process prints at the most talkative log
/// level, not in metrics, events or answers, not in Redis.
/// </summary>
public sealed class SecretsTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private const string RedisPassword = "redis-password-4711";
    private const string HashKey = "hash-key-4711-and-more-until-it-is-long";
    private readonly string _proxy = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _admin = $"http://127.0.0.1:{Ports.Next()}";
    private readonly List<string> _secrets = [RedisPassword, Gateway.Key, HashKey];

    [Theory]
    [InlineData("Test", "simple")]
    [InlineData("Production", "json")]
    public async Task Secrets_AtTraceLevel_AreNowhere(string environment, string formatter)
    {
        await using var admin = await ConnectionMultiplexer.ConnectAsync(
            $"{redis.ConnectionString},allowAdmin=true,abortConnect=true,password={RedisPassword}");
        var server = admin.GetServers().Single();
        await server.ConfigSetAsync("requirepass", RedisPassword);
        await server.ConfigSetAsync("rdbcompression", "no");
        await using var iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "old" }, new MemorySessionState());
        await using var collector = await OtlpReceiver.StartAsync();
        await using var process = GatewayProcess.Start(Gateway.Arguments([iam], new Dictionary<string, string?>(
            collector.Settings)
        {
            ["environment"] = environment,
            ["Logging:LogLevel:Default"] = "Trace",
            ["Logging:LogLevel:Microsoft"] = "Trace",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Trace",
            ["Logging:LogLevel:Yarp"] = "Trace",
            ["Logging:LogLevel:System.Net.Http"] = "Trace",
            ["Logging:Console:FormatterName"] = formatter,
            ["Kestrel:Endpoints:Proxy:Url"] = _proxy,
            ["Kestrel:Endpoints:Admin:Url"] = _admin,
            ["ConnectionStrings:Redis"] = $"{redis.ConnectionString},password={RedisPassword}",
            ["IamGateway:Store:KeyPrefix"] = environment,
            ["IamGateway:Store:HashKey"] = HashKey,
            ["IamGateway:AccessLog:Share"] = "1",
            ["IamGateway:Sessions:1:Name"] = "ticket",
            ["IamGateway:Sessions:1:Query"] = "ticket",
            ["IamGateway:Sessions:2:Name"] = "access",
            ["IamGateway:Sessions:2:Header"] = "Authorization",
            ["IamGateway:Sessions:2:Scheme"] = "Bearer",
        }));
        await process.UntilReadyAsync(_admin);

        var cookie = await UseSessionsAsync();
        var shown = await UseTheAdminApiAsync(cookie);
        await process.UntilAsync(
            () => Task.FromResult(process.Output.Contains("All hosts are allowed", StringComparison.Ordinal)
                && collector.Received.Contains("iamgateway.session", StringComparison.Ordinal)));
        await process.SignalAsync("TERM");
        await process.Process.WaitForExitAsync();

        Assert.True(_secrets.Count >= 9);
        var dump = await DumpAsync(admin);
        Assert.Contains(environment, dump, StringComparison.Ordinal);
        Assert.Contains("IamGateway.Access", process.Output, StringComparison.Ordinal);
        Assert.Contains("iamgateway.session", collector.Received, StringComparison.Ordinal);
        AssertNone("output", process.Output);
        AssertNone("traces", collector.Received);
        AssertNone("admin API", shown);
        AssertNone("Redis", dump);
    }

    // Every way a handle comes in, and a header that Kestrel itself refuses.
    private async Task<string> UseSessionsAsync()
    {
        var cookies = new CookieContainer();
        using var handler = new HttpClientHandler { CookieContainer = cookies };
        using var client = new HttpClient(handler) { BaseAddress = new Uri(_proxy) };
        await client.GetStringAsync("/login");
        Remember(cookies);
        using var form = new FormUrlEncodedContent([new("username", "ann"), new("password", "demo")]);
        (await client.PostAsync("/login", form)).EnsureSuccessStatusCode();
        Remember(cookies);
        await client.GetStringAsync($"/health?ticket={Secret("ticket")}");
        using var inPath = await client.GetAsync($"/page;sid={Secret("path")}");
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Secret("access"));
        await client.GetStringAsync("/health");
        await SendRawAsync(
            $"GET /health HTTP/1.1\r\nHost: a\r\nCookie: IAM_SESSION={Secret("malformed")}\u0001\r\n\r\n");
        await SendRawAsync($"GET /health?ticket={Secret("line")} HTTP/9.9\r\nHost: a\r\n\r\n");
        return _secrets[4];
    }

    private async Task<string> UseTheAdminApiAsync(string cookie)
    {
        using var client = new HttpClient { BaseAddress = new Uri(_admin) };
        client.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        using var body = new StringContent($$"""{"handle":"{{cookie}}"}""", Encoding.UTF8, "application/json");
        using var lookup = await client.PostAsync("/api/v1/sessions/lookup", body);
        var session = await lookup.Content.ReadAsStringAsync();
        Assert.True(lookup.IsSuccessStatusCode, session);
        var key = JsonDocument.Parse(session).RootElement.Text("key");
        (await client.DeleteAsync($"/api/v1/sessions/{key}")).EnsureSuccessStatusCode();
        using var wrong = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(_admin), "/api/v1/status"));
        wrong.Headers.Add("X-Api-Key", Secret("wrong-key"));
        using var nobody = new HttpClient();
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.SendAsync(wrong)).StatusCode);
        var shown = new StringBuilder(session);
        shown.AppendLine(await client.GetStringAsync("/metrics"));
        foreach (var resource in (string[])["events", "status", "replicas", "instances", "me", "versions", "history"])
            shown.AppendLine(await client.GetStringAsync($"/api/v1/{resource}"));
        return shown.ToString();
    }

    private string Secret(string name)
    {
        var secret = $"{name}-{Guid.NewGuid():N}";
        _secrets.Add(secret);
        return secret;
    }

    private void Remember(CookieContainer cookies) =>
        _secrets.Add(cookies.GetCookies(new Uri(_proxy))["IAM_SESSION"]!.Value);

    private async Task SendRawAsync(string request)
    {
        using var client = new TcpClient();
        var proxy = new Uri(_proxy);
        await client.ConnectAsync(proxy.Host, proxy.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(client.GetStream());
        Assert.Contains("HTTP/1.1", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    private static async Task<string> DumpAsync(ConnectionMultiplexer redis)
    {
        var dump = new StringBuilder();
        var database = redis.GetDatabase();
        await foreach (var key in redis.GetServers().Single().KeysAsync(pageSize: 1000))
        {
            var bytes = (byte[]?)await database.KeyDumpAsync(key);
            dump.AppendLine(key.ToString()).AppendLine(Encoding.Latin1.GetString(bytes ?? []));
        }

        return dump.ToString();
    }

    private void AssertNone(string place, string text)
    {
        foreach (var secret in _secrets)
        {
            var line = text.Split('\n').FirstOrDefault(l => l.Contains(secret, StringComparison.Ordinal));
            Assert.True(line is null, $"{secret} stands in {place}: {line}");
        }
    }
}
