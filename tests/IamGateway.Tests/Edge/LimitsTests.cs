using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using IamGateway.Edge;
using IamGateway.Recording;
using IamGateway.Tests.Edge.Desync;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Edge;

public sealed class LimitsTests
{
    private static async Task<Gateway> StartAsync(Backend backend, params (string Key, string Value)[] settings)
    {
        var all = Backend.Settings(backend);
        foreach (var (key, value) in settings)
            all[$"IamGateway:{key}"] = value;
        return await Gateway.StartAsync([], all);
    }

    private static Task<Backend> EchoAsync() => Backend.StartAsync("8.2.1", async http =>
    {
        using var reader = new StreamReader(http.Request.Body);
        await http.Response.WriteAsync($"{(await reader.ReadToEndAsync()).Length}");
    });

    private static async Task<double> CountAsync(Gateway gateway, string series)
    {
        var line = (await gateway.Admin.GetStringAsync("/metrics")).Split('\n')
            .FirstOrDefault(l => l.StartsWith(series, StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static string Rejected(string reason) => $$"""iamgateway_rejected_requests_total{reason="{{reason}}"}""";

    [Theory]
    [InlineData(15_900, 200)]
    [InlineData(16_500, 431)]
    public async Task Headers_Together_ReachTheIamUpToSixteenKilobytes(int size, int status)
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend);
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Proxy);
        request.Headers.Add("X-A", new string('a', size / 2));
        request.Headers.Add("X-B", new string('b', size / 2));

        using var response = await client.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(status == 200 ? 0 : 1, await CountAsync(gateway, Rejected("headers_too_large")));
    }

    [Fact]
    public async Task RequestLine_ThatIsTooLong_IsRejectedAndCounted()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend, ("Limits:RequestLine", "300"));
        using var client = new HttpClient();

        using var fits = await client.GetAsync(new Uri(gateway.Proxy, "/" + new string('a', 200)));
        using var response = await client.GetAsync(new Uri(gateway.Proxy, "/" + new string('a', 300)));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.RequestUriTooLong), (fits.StatusCode, response.StatusCode));
        Assert.Equal(1, await CountAsync(gateway, Rejected("request_line_too_long")));
    }

    [Theory]
    [InlineData(1000, false, 200)]
    [InlineData(1001, false, 413)]
    // Of a body in chunks their frames count, too.
    [InlineData(900, true, 200)]
    [InlineData(100_000, true, 413)]
    public async Task Body_ThatIsTooLong_IsRefused(int size, bool isChunked, int status)
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend, ("Limits:BodySize", "1000"));
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Proxy)
        {
            Content = new StringContent(new string('x', size)),
        };
        request.Headers.TransferEncodingChunked = isChunked;

        using var response = await client.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
        if (status == 413 && !isChunked)
            Assert.Equal(["body_too_large"], response.Headers.GetValues("X-IamGateway-Refusal"));
    }

    [Theory]
    [InlineData("Http1")]
    [InlineData("Http2")]
    public async Task Body_ThatDoesNotCome_EndsItsConnectionAndIsCountedOnce(string protocol)
    {
        await using var backend = await EchoAsync();
        await using var gateway = await Gateway.StartAsync([], Backend.Settings(backend).Append(
            new("Kestrel:Endpoints:Proxy:Protocols", protocol)).ToDictionary());

        if (protocol == "Http1")
        {
            using var client = new TcpClient();
            await client.ConnectAsync(gateway.Proxy.Host, gateway.Proxy.Port);
            await client.GetStream().WriteAsync(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"u8.ToArray());
            using var answer = new StreamReader(client.GetStream());
            Assert.StartsWith("HTTP/1.1 408 ", await answer.ReadToEndAsync(), StringComparison.Ordinal);
        }
        else
        {
            using var client = await RawHttp2.ConnectAsync(gateway.Proxy);
            await client.RequestAsync(
                1, [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")], "x",
                isWhole: false);
            Assert.Equal("goaway", await client.OutcomeAsync(1));
        }

        Assert.Equal(1, await CountAsync(gateway, Rejected("too_slow")));
    }

    [Fact]
    public async Task NewSessions_OfOneClient_AreRefusedBeyondTheRateAndOthersServed()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            if (!http.Request.Cookies.ContainsKey("IAM_SESSION"))
                http.Response.Headers.SetCookie = $"IAM_SESSION={Guid.NewGuid():N}";
            return Task.CompletedTask;
        });
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UtcNow);
        var settings = Backend.Settings(backend);
        settings["IamGateway:Limits:NewSessionsPerClient"] = "1";
        settings["IamGateway:Edge:TrustedNetworks:0"] = "127.0.0.1/32";
        await using var gateway = await Gateway.StartAsync([], settings, time);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });

        async Task<(HttpStatusCode Status, HttpResponseHeaders Headers)> SendAsync(string address, string? cookie)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Proxy);
            request.Headers.Add("X-Forwarded-For", address);
            if (cookie is not null)
                request.Headers.Add("Cookie", cookie);
            using var response = await client.SendAsync(request);
            return (response.StatusCode, response.Headers);
        }

        string? session = null;
        for (var i = 0; i < 10; i++)
        {
            var (status, headers) = await SendAsync("203.0.113.1", null);
            Assert.Equal(HttpStatusCode.OK, status);
            session ??= headers.GetValues("Set-Cookie").Single();
        }

        var refused = await SendAsync("203.0.113.1", null);
        var known = await SendAsync("203.0.113.1", session);
        var other = await SendAsync("203.0.113.2", null);
        time.Advance(TimeSpan.FromSeconds(1));
        var later = await SendAsync("203.0.113.1", null);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.Status);
        Assert.Equal(["too_many_new_sessions"], refused.Headers.GetValues("X-IamGateway-Refusal"));
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(
            (HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK), (known.Status, other.Status, later.Status));
    }

    [Fact]
    public async Task Connections_OfOneClient_AreClosedBeyondTheLimit()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend, ("Limits:ConnectionsPerClient", "2"));
        var connections = gateway.Service<ClientConnections>();
        var release = new TaskCompletionSource();
        var served = 0;

        async Task<bool> OpenAsync(string address)
        {
            var isServed = false;
            var from = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 1) };
            await connections.OnConnectionAsync(from, async _ =>
            {
                isServed = true;
                Interlocked.Increment(ref served);
                await release.Task;
            });
            return isServed;
        }

        var open = new[] { OpenAsync("203.0.113.1"), OpenAsync("203.0.113.1"), OpenAsync("203.0.113.2") };
        Assert.False(await OpenAsync("203.0.113.1"));
        Assert.Equal(3, served);
        Assert.Equal(1, await CountAsync(gateway, Rejected("too_many_connections")));
        release.SetResult();
        await Task.WhenAll(open);

        Assert.True(await OpenAsync("203.0.113.1"));
    }
}
