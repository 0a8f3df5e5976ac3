using System.Net;
using CsCheck;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Recording;

public sealed class AccessLogTests
{
    [Fact]
    public void Share_OfManyRequests_IsKeptToTheLast() =>
        Gen.Select(Gen.Double[0, 1], Gen.Int[1, 10_000]).Sample((share, count) =>
        {
            var logged = Enumerable.Range(1, count).Count(n => AccessLog.IsInShare(n, share));

            Assert.InRange(logged - count * share, -1, 1);
        });

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 100)]
    [InlineData(0.01, 1)]
    public void Share_OfAHundred_IsExact(double share, int expected) =>
        Assert.Equal(expected, Enumerable.Range(1, 100).Count(n => AccessLog.IsInShare(n, share)));

    // As oidc-provider does with a login in progress.
    [Theory]
    [InlineData("", "J_qfOi3D8Xbj1Zuj4JMt4")]
    [InlineData("Part:.:1", "6e0b.J_qfOi3D8Xbj1Zuj4JMt4.0b1c")]
    public async Task Path_ThatRepeatsTheHandle_IsLoggedWithoutIt(string extract, string cookie)
    {
        const string Handle = "J_qfOi3D8Xbj1Zuj4JMt4";
        using var watch = new OutputWatch().UseForThisTest();
        watch.Secrets.Add(Handle);
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers.SetCookie = $"IAM_SESSION={cookie}";
            return http.Response.WriteAsync("ok");
        });
        var settings = Backend.Settings(backend);
        settings["IamGateway:AccessLog:Share"] = "1";
        settings["IamGateway:Sessions:0:Extract"] = extract.Length > 0 ? extract : null;
        await using (var gateway = await Gateway.StartAsync([], settings))
        {
            using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
            using var login = await client.GetAsync(new Uri(gateway.Proxy, "/login"));
            client.DefaultRequestHeaders.Add("Cookie", $"IAM_SESSION={cookie}");
            foreach (var path in (string[])[$"/interaction/{Handle}/login", $"/interaction/{cookie}/login"])
            {
                using var response = await client.GetAsync(new Uri(gateway.Proxy, path));
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }

            // A handle that is taken out of the request is one all the same: the IAM may know it.
            await gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
            var key = SessionKey.Of(gateway.Service<Replica>().View.Secret, "session", Handle);
            using var end = await gateway.Admin.DeleteAsync($"/api/v1/sessions/{key}");
            end.EnsureSuccessStatusCode();
            using var ended = await client.GetAsync(new Uri(gateway.Proxy, $"/ended/{Handle}/login"));
            Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        }

        watch.AssertKept("log", "GET /interaction/*/login 200");
        watch.AssertKept("log", "GET /ended/*/login 200");
        Assert.Empty(watch.Findings());
    }

    [Fact]
    public async Task Request_RefusedBeforeAVersionIsChosenForIt_IsLoggedAndOver()
    {
        using var watch = new OutputWatch().UseForThisTest();
        await using var old = await Backend.StartAsync("8.2.1", _ => Task.CompletedTask);
        await using var newer = await Backend.StartAsync("8.3.0", _ => Task.CompletedTask);
        var settings = Backend.Settings(old, newer);
        settings["IamGateway:AccessLog:Share"] = "1";
        settings["IamGateway:Limits:NewSessionsPerClient"] = "1";
        settings["IamGateway:Edge:TrustedNetworks:0"] = "127.0.0.1/32";
        await using var gateway = await Gateway.StartAsync([], settings, new FakeTimeProvider(DateTimeOffset.UtcNow));
        await gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.1");
        HttpStatusCode last = 0;
        for (var i = 0; last != HttpStatusCode.TooManyRequests; i++)
        {
            Assert.InRange(i, 0, 20);
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Proxy, "/page"));
            request.Headers.Add("Cookie", $"IAM_SESSION=invented-session-{i}");
            using var response = await client.SendAsync(request);
            last = response.StatusCode;
        }

        await UntilAsync(() => gateway.Service<InFlight>().Count == 0);
        watch.AssertKept("log", "GET /page 429");
    }
}
