using System.Net;
using System.Net.Sockets;
using System.Text;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using WireMock.RequestBuilders;
using WireMock.ResponseBuilders;
using WireMock.Server;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// Instances that misbehave: the client gets what there is, or a clear status, and the gateway goes on.
/// </summary>
public sealed class OddInstanceTests : IAsyncLifetime
{
    private readonly WireMockServer _instance = WireMockServer.Start();
    private readonly HttpClient _client =
        new(new SocketsHttpHandler { UseCookies = false, MaxResponseHeadersLength = 128 });
    private Gateway? _gateway;

    public async ValueTask InitializeAsync()
    {
        _gateway = await Gateway.StartAsync([], new Dictionary<string, string?>
        {
            ["ReverseProxy:Clusters:iam:Destinations:odd:Address"] = _instance.Url,
            ["ReverseProxy:Clusters:iam:Destinations:odd:Metadata:Version"] = "8.2.1",
            ["IamGateway:RequestTimeout"] = "00:00:01",
        });
        _client.BaseAddress = _gateway.Proxy;
        // The first answer of this instance may take longer than RequestTimeout.
        using var warm = await _client.GetAsync(_instance.Url);
        _instance.ResetLogEntries();
    }

    private void Answer(string path, IResponseBuilder response) =>
        _instance.Given(Request.Create().WithPath(path)).RespondWith(response);

    [Fact]
    public async Task Slow_LongerThanRequestTimeout_IsCutWith504()
    {
        Answer("/slow", Response.Create().WithDelay(TimeSpan.FromSeconds(3)).WithBody("late"));

        using var response = await _client.GetAsync("/slow");

        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
    }

    [Fact]
    public async Task Reset_BeforeTheStatus_Is502AndNotRepeated()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var gateway = await StartAsync(listener);
        var request = _client.GetAsync(gateway.Proxy);
        using (var socket = await listener.AcceptSocketAsync())
        {
            await socket.ReceiveAsync(new byte[4096]);
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        using var response = await request;

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.False(listener.Pending());
        Assert.Equal(0, await gateway.MetricAsync("iamgateway_retries_total{reason=\"connect\"}"));
    }

    [Fact]
    public async Task HugeHeaders_ResponseOf48Kilobytes_PassesThrough()
    {
        var huge = new string('h', 48 * 1024);
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            http.Response.Headers["X-Huge"] = huge;
            return http.Response.WriteAsync("ok");
        });
        await using var gateway = await Gateway.StartAsync([], Backend.Settings(backend));

        using var response = await _client.GetAsync(gateway.Proxy);

        Assert.Equal(huge, response.Headers.GetValues("X-Huge").Single());
        Assert.Equal("ok", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("IAM_SESSION")]
    [InlineData("IAM_SESSION=")]
    [InlineData("=value; Path=/")]
    [InlineData(";;;")]
    [InlineData("IAM_SESSION=\"quoted; Max-Age=never; Expires=yesterday")]
    public async Task BadSetCookie_AnyForm_PassesThroughUnharmed(string cookie)
    {
        Answer("/cookie", Response.Create().WithHeader("Set-Cookie", cookie).WithBody("ok"));

        using var response = await _client.GetAsync("/cookie");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(cookie, response.Headers.GetValues("Set-Cookie").Single());
    }

    [Fact]
    public async Task OversizedCookieHeader_NamesTheSessionAtItsEnd_IsForwardedWhole()
    {
        var cookies = string.Join(
            "; ", Enumerable.Range(0, 140).Select(i => $"c{i}={new string('x', 100)}")) + "; IAM_SESSION=mine";
        Answer("/", Response.Create().WithBody("ok"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("Cookie", cookies);

        using var response = await _client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(cookies, _instance.LogEntries.Single().RequestMessage!.Headers!["Cookie"].Single());
    }

    [Fact]
    public async Task ConnectionRefused_PostWithBody_IsSentToAnotherInstanceOfTheVersion()
    {
        await using var good = await Backend.StartAsync("8.2.1", async http =>
        {
            using var body = new StreamReader(http.Request.Body);
            await http.Response.WriteAsync(await body.ReadToEndAsync());
        });
        var settings = Backend.Settings(good);
        settings["ReverseProxy:Clusters:iam:Destinations:dead:Address"] =
            $"http://127.0.0.1:{Ports.Next()}";
        settings["ReverseProxy:Clusters:iam:Destinations:dead:Metadata:Version"] = "8.2.1";
        settings["ReverseProxy:Clusters:iam:LoadBalancingPolicy"] = "RoundRobin";
        await using var gateway = await Gateway.StartAsync([], settings);

        for (var i = 0; i < 6; i++)
        {
            using var response = await _client.PostAsync(gateway.Proxy, new StringContent($"body {i}"));
            Assert.Equal($"body {i}", await response.Content.ReadAsStringAsync());
        }

        Assert.InRange(await gateway.MetricAsync("iamgateway_retries_total{reason=\"connect\"}"), 1, 6);
    }

    [Fact]
    public async Task CutMidBody_ClientSeesTheBreakAndNotACompleteAnswer()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var gateway = await StartAsync(listener);
        var request = _client.GetAsync(gateway.Proxy);
        using (var socket = await listener.AcceptSocketAsync())
        {
            await socket.ReceiveAsync(new byte[4096]);
            await socket.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
        }

        await Assert.ThrowsAsync<HttpRequestException>(() => request);
    }

    private static Task<Gateway> StartAsync(TcpListener instance) =>
        Gateway.StartAsync([], new Dictionary<string, string?>
        {
            ["ReverseProxy:Clusters:iam:Destinations:odd:Address"] = $"http://{instance.LocalEndpoint}",
            ["ReverseProxy:Clusters:iam:Destinations:odd:Metadata:Version"] = "8.2.1",
        });

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _gateway!.DisposeAsync();
        _instance.Stop();
        _instance.Dispose();
    }
}
