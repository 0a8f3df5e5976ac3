using System.Net;
using System.Net.NetworkInformation;
using System.Net.Quic;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography.X509Certificates;
using IamGateway.Edge;
using IamGateway.Routing;
using IamGateway.Tests.Edge.Desync;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Edge;

/// <summary>HTTP/3 as clients meet it. Needs libmsquic: tests/http3.sh.</summary>
[SupportedOSPlatform("linux")]
public sealed class Http3Tests : IDisposable
{
    private readonly Pki _pki = new("our authority");
    private readonly Pki _other = new("another authority");

    public void Dispose()
    {
        _pki.Dispose();
        _other.Dispose();
    }

    private async Task<Gateway> StartAsync(
        Backend backend, TimeProvider? time = null, string address = "127.0.0.1",
        params (string Key, string Value)[] settings)
    {
        var (certificate, key) = _pki.Issue("gateway");
        const string Endpoint = "Kestrel:Endpoints:Proxy";
        var all = Backend.Settings(backend);
        // QUIC and TCP cannot ask the system for the same port.
        all[$"{Endpoint}:Url"] = $"https://{address}:{Ports.Next()}";
        all[$"{Endpoint}:Protocols"] = "Http1AndHttp2AndHttp3";
        all[$"{Endpoint}:Certificate:Path"] = certificate;
        all[$"{Endpoint}:Certificate:KeyPath"] = key;
        foreach (var (name, value) in settings)
            all[name] = value;
        return await Gateway.StartAsync([], all, time);
    }

    private HttpClient Client(
        Gateway gateway, Action<string>? seen = null, X509Certificate2? own = null, int version = 3)
    {
        var handler = new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null,
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = own is null ? null : [own],
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                {
                    seen?.Invoke(certificate!.Subject);
                    return Authorities.Trust(_pki.Roots, certificate, chain, errors);
                },
            },
        };
        return new HttpClient(handler)
        {
            BaseAddress = gateway.Proxy,
            DefaultRequestVersion = new Version(version, 0),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    private static Task<Backend> EchoAsync() => Backend.StartAsync("8.2.1", async http =>
    {
        using var reader = new StreamReader(http.Request.Body);
        var body = await reader.ReadToEndAsync();
        http.Response.Headers.AltSvc = "h3=\":1\"";
        await http.Response.WriteAsync(
            $"{http.Request.Method} {http.Request.Path}{http.Request.QueryString} {body.Length} "
            + $"{http.Request.Headers.Cookie} {http.Request.Headers["X-Forwarded-For"]} "
            + http.Request.Headers["X-Forwarded-Proto"]);
    });

    private static string Rejected(string reason) => $$"""iamgateway_rejected_requests_total{reason="{{reason}}"}""";

    [Fact(Explicit = true)]
    public async Task Request_WithABody_ReachesTheInstanceAndIsAnswered()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend);
        using var client = Client(gateway);
        client.DefaultRequestHeaders.Add("Cookie", ["IAM_SESSION=s", "other=o"]);
        using var body = new StringContent(new string('x', 300_000));

        using var response = await client.PostAsync("/a%2fb?c", body);

        Assert.Equal(HttpVersion.Version30, response.Version);
        Assert.Equal(
            "POST /a%2fb?c 300000 IAM_SESSION=s; other=o 127.0.0.1 https",
            await response.Content.ReadAsStringAsync());
    }

    [Fact(Explicit = true)]
    public async Task Http2Response_OffersTheGatewaysHttp3AndNotTheInstances()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend);
        using var client = Client(gateway, version: 2);

        using var response = await client.GetAsync("/");

        var offer = Assert.Single(response.Headers.GetValues("Alt-Svc"));
        Assert.StartsWith($"h3=\":{gateway.Proxy.Port}\"", offer, StringComparison.Ordinal);
    }

    [Fact(Explicit = true)]
    public async Task Certificate_ThatIsRenewed_IsShownToNewConnectionsAndKeepsTheOthers()
    {
        await using var backend = await EchoAsync();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var gateway = await StartAsync(backend, time);
        var shown = new List<string>();
        using var client = Client(gateway, shown.Add);
        await client.GetStringAsync("/");
        using var renewed = _pki.Certificate("gateway renewed");
        var file = Path.Combine(Path.GetDirectoryName(_pki.AuthorityFile)!, "gateway.");
        await File.WriteAllTextAsync($"{file}key", renewed.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        await File.WriteAllTextAsync($"{file}pem", renewed.ExportCertificatePem());
        time.Advance(CertificateFiles.Interval);

        using var later = Client(gateway, shown.Add);
        await later.GetStringAsync("/");
        await client.GetStringAsync("/");

        Assert.Equal(["CN=gateway", "CN=gateway renewed"], shown);
    }

    [Theory(Explicit = true)]
    [InlineData("RequireCertificate", null, false)]
    [InlineData("RequireCertificate", "ours", true)]
    [InlineData("RequireCertificate", "another's", false)]
    [InlineData("AllowCertificate", null, true)]
    [InlineData("AllowCertificate", "another's", false)]
    public async Task ClientCertificate_LeadsToTheAuthoritiesOrIsRefused(string mode, string? whose, bool isServed)
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(
            backend,
            settings:
            [
                ("Kestrel:Endpoints:Proxy:ClientCertificateMode", mode),
                ("IamGateway:Edge:ClientCertificateAuthorities", _pki.AuthorityFile),
            ]);
        using var own = whose is null ? null : (whose == "ours" ? _pki : _other).Certificate("anna");
        using var client = Client(gateway, own: own);

        if (isServed)
            Assert.StartsWith("GET /", await client.GetStringAsync("/"), StringComparison.Ordinal);
        else
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync("/"));
    }

    [Theory(Explicit = true)]
    [InlineData(15_900, "200")]
    [InlineData(16_500, "431")]
    public async Task Headers_Together_ReachTheIamUpToSixteenKilobytes(int size, string status)
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend);
        await using var client = await RawHttp3.ConnectAsync(gateway.Proxy, _pki.ChainPolicy);

        var outcome = await client.RequestAsync(
            [.. Get, ("x-a", new('a', size / 2)), ("x-b", new('b', size / 2))], null);

        Assert.Equal(status, outcome);
        Assert.Equal(status == "200" ? 0 : 1, await gateway.MetricAsync(Rejected("headers_too_large")));
    }

    [Theory(Explicit = true)]
    [InlineData(1000, false, 200)]
    [InlineData(1001, false, 413)]
    [InlineData(1000, true, 200)]
    [InlineData(100_000, true, 413)]
    public async Task Body_ThatIsTooLong_IsRefused(int size, bool isOfUnknownLength, int status)
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend, settings: ("IamGateway:Limits:BodySize", "1000"));
        using var client = Client(gateway);
        using var body = new StringContent(new string('x', size));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Version = HttpVersion.Version30,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body,
        };
        request.Headers.TransferEncodingChunked = isOfUnknownLength;

        using var response = await client.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact(Explicit = true)]
    public async Task Streams_OfOneConnection_AreAsManyAsTheLimitSays()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend, settings: ("IamGateway:Limits:StreamsPerConnection", "7"));

        await using var client = await RawHttp3.ConnectAsync(gateway.Proxy, _pki.ChainPolicy);

        Assert.Equal(7, await client.StreamsAsync());
    }

    [Fact(Explicit = true)]
    public async Task Headers_ThatDoNotEnd_AreResetAfterTheirTime()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(
            backend, settings: ("IamGateway:Limits:HeadersTimeout", "00:00:01"));
        await using var client = await RawHttp3.ConnectAsync(gateway.Proxy, _pki.ChainPolicy);
        await using var stream = await client.OpenStreamAsync();

        // HEADERS of 100 bytes, of which two come.
        await stream.WriteAsync(new byte[] { 1, 0x40, 100, 0, 0 });

        Assert.Equal("reset", await client.OutcomeAsync(stream));
    }

    [Fact(Explicit = true)]
    public async Task Body_ThatDoesNotCome_IsEndedAfterItsTime()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend);
        await using var client = await RawHttp3.ConnectAsync(gateway.Proxy, _pki.ChainPolicy);
        await using var stream = await client.OpenStreamAsync();

        await stream.WriteAsync(RawHttp3.Headers([(":method", "POST"), .. Get.Skip(1), ("content-length", "100")]));

        Assert.Equal("goaway", await client.OutcomeAsync(stream));
        Assert.Equal(1, await gateway.MetricAsync(Rejected("too_slow")));
    }

    // Limits for one client do not hold for loopback.
    [Fact(Explicit = true)]
    public async Task Connections_OfOneClient_AreClosedBeyondTheLimit()
    {
        var own = NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses)
            .Select(a => a.Address)
            .First(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a));
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(
            backend, address: own.ToString(), settings: ("IamGateway:Limits:ConnectionsPerClient", "1"));
        await using var first = await RawHttp3.ConnectAsync(gateway.Proxy, _pki.ChainPolicy);
        Assert.Equal("200", await first.RequestAsync(Get, null));

        await using var second = await RawHttp3.ConnectAsync(gateway.Proxy, _pki.ChainPolicy);

        Assert.Equal("goaway", await second.RequestAsync(Get, null));
        Assert.Equal("200", await first.RequestAsync(Get, null));
        Assert.Equal(1, await gateway.MetricAsync(Rejected("too_many_connections")));
    }

    [Fact(Explicit = true)]
    public async Task Leaving_Requests_AreAllAnsweredOverConnectionsThatAreGivenUp()
    {
        await using var backend = await EchoAsync();
        await using var gateway = await StartAsync(backend);
        var connections = 0;
        using var client = Client(gateway, _ => Interlocked.Increment(ref connections));
        await client.GetStringAsync("/");
        await client.GetStringAsync("/");
        Assert.Equal(1, connections);
        gateway.Service<Replica>().IsLeaving = true;

        for (var i = 0; i < 20; i++)
            Assert.StartsWith("GET /", await client.GetStringAsync("/"), StringComparison.Ordinal);

        Assert.InRange(connections, 2, 21);
    }

    private static (string Name, string Value)[] Get =>
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a")];
}
