using System.Net.Sockets;
using System.Text;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Secrets are learnt wherever clients and servers send them, and what gateways answer is kept. Alone, because the
/// watch sees all traffic of the process.
/// </summary>
[Collection(nameof(TrafficWatchTests))]
[CollectionDefinition(nameof(TrafficWatchTests), DisableParallelization = true)]
public sealed class TrafficWatchTests : IDisposable
{
    private readonly OutputWatch _watch = new();
    private readonly IDisposable _traffic;

    public TrafficWatchTests() => _traffic = _watch.WatchTraffic();

    public void Dispose()
    {
        _traffic.Dispose();
        _watch.Dispose();
    }

    [Fact]
    public async Task Secrets_OfRequestsAndResponses_AreLearnt()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers.SetCookie = "IAM_SESSION=set-cookie-4711; Path=/";
            http.Response.Headers.Location = "/callback?code=location-4711&state=state-no-secret";
            return Task.CompletedTask;
        });
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        using var request = new HttpRequestMessage(
            HttpMethod.Post, $"{backend.Address}?access_token=query-token-4711");
        request.Headers.Add("Cookie", "a=first-cookie-4711; b=\"second-cookie-4711\"");
        request.Headers.Add("X-Api-Key", "api-key-4711");
        request.Headers.Add("Authorization", "Bearer bearer-token-4711");
        request.Content = new FormUrlEncodedContent(
            [new("password", "password-4711"), new("user", "user-no-secret")]);
        using var response = await client.SendAsync(request);
        using var json = new StringContent("""{"handle":"json-handle-4711"}""", null, "application/json");
        using var other = await client.PostAsync(backend.Address, json);

        AssertLearnt(
            "set-cookie-4711", "location-4711", "query-token-4711", "first-cookie-4711", "second-cookie-4711",
            "api-key-4711", "bearer-token-4711", "password-4711", "json-handle-4711");
    }

    [Fact]
    public async Task Secrets_OfAClientThatIsNotWatched_AreLearntWhereTheyArrive()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers.SetCookie = "IAM_SESSION=set-cookie-4711; Path=/";
            return Task.CompletedTask;
        });
        using var client = new TcpClient();
        await client.ConnectAsync(backend.Address.Host, backend.Address.Port);
        await client.GetStream().WriteAsync(
            "GET /?code=code-of-4711&state=state-no-secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"u8.ToArray());
        await client.GetStream().WriteAsync("Cookie: IAM_SESSION=first-cookie-4711\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        await reader.ReadToEndAsync();

        AssertLearnt("set-cookie-4711", "code-of-4711", "first-cookie-4711");
    }

    private void AssertLearnt(params string[] secrets)
    {
        Assert.All(secrets, s => Assert.True(_watch.Secrets.Contains(s), s));
        Assert.Equal(secrets.Length, _watch.Secrets.Count);
    }

    [Fact]
    public async Task Outputs_OfAGatewayInThisProcess_AreKept()
    {
        _watch.UseForThisTest();
        var instance = $"instance-{Guid.NewGuid():N}";
        await using (var redis = new RedisServer())
        {
            await redis.StartAsync();
            await using var server = await AdminServer.StartAsync(
                ("ConnectionStrings:Redis", redis.ConnectionString), ("IamGateway:Store:KeyPrefix", "watched-store"),
                ($"ReverseProxy:Clusters:iam:Destinations:{instance}:Address", "http://127.0.0.1:9"),
                ($"ReverseProxy:Clusters:iam:Destinations:{instance}:Metadata:Version", "8.2.1"));
            using var problem = await server.SendAsync("GET", $"/api/v1/unknown-{instance}");
            Assert.Contains(instance, await problem.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            await server.OkAsync("POST", $"/api/v1/instances/{instance}/drain");
        }

        _watch.AssertKept("answers", $"iamgateway_instance_state{{instance=\"{instance}\"");
        _watch.AssertKept("answers", $"There is nothing at /api/v1/unknown-{instance}");
        _watch.AssertKept("answers", "\"what\":\"instance.drain\"");
        _watch.AssertKept("log", "is registered as");
        _watch.AssertKept("store", "watched-store:{r}:events");
    }
}
