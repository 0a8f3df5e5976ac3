using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IamGateway.Edge;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Edge;

public sealed class TlsTests : IDisposable
{
    private readonly Pki _pki = new("our authority");
    private readonly Pki _other = new("another authority");

    public void Dispose()
    {
        _pki.Dispose();
        _other.Dispose();
    }

    private static async Task<Gateway> StartAsync(
        Backend backend, TimeProvider? time, params (string Key, string Value)[] settings)
    {
        var all = Backend.Settings(backend);
        foreach (var (key, value) in settings)
            all[key] = value;
        return await Gateway.StartAsync([], all, time);
    }

    private (string Key, string Value)[] Listener(string name = "gateway")
    {
        var (certificate, key) = _pki.Issue(name);
        const string Endpoint = "Kestrel:Endpoints:Proxy";
        return
        [
            ($"{Endpoint}:Url", "https://127.0.0.1:0"), ($"{Endpoint}:Certificate:Path", certificate),
            ($"{Endpoint}:Certificate:KeyPath", key),
        ];
    }

    /// <summary>A client that trusts our authority, and remembers what the server showed last.</summary>
    private SocketsHttpHandler Handler(Action<string>? seen = null, X509Certificate2? own = null) => new()
    {
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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Certificate_ThatIsRenewed_IsShownToNewConnectionsAndKeepsTheOthers(int version)
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("hello"));
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var gateway = await StartAsync(backend, time, Listener());
        var shown = new List<string>();
        using var handler = Handler(shown.Add);
        using var client = new HttpClient(handler)
        {
            DefaultRequestVersion = new Version(version, version == 1 ? 1 : 0),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        Assert.Equal("hello", await client.GetStringAsync(gateway.Proxy));
        using var renewed = _pki.Certificate("gateway renewed");
        var file = Path.Combine(Path.GetDirectoryName(_pki.AuthorityFile)!, "gateway.");
        await File.WriteAllTextAsync($"{file}key", renewed.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());

        // The key is there and the certificate is not yet: the one before stays.
        time.Advance(CertificateFiles.Interval);
        using var meanwhile = new HttpClient(Handler(shown.Add));
        Assert.Equal("hello", await meanwhile.GetStringAsync(gateway.Proxy));
        await File.WriteAllTextAsync($"{file}pem", renewed.ExportCertificatePem());
        time.Advance(CertificateFiles.Interval);
        using var later = new HttpClient(Handler(shown.Add));
        Assert.Equal("hello", await later.GetStringAsync(gateway.Proxy));
        Assert.Equal("hello", await client.GetStringAsync(gateway.Proxy));

        Assert.Equal(["CN=gateway", "CN=gateway", "CN=gateway renewed"], shown);
    }

    [Fact]
    public async Task Tls11_IsNotSpoken()
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("hello"));
        await using var gateway = await StartAsync(backend, null, Listener());
        using var handler = Handler();
#pragma warning disable CA5397, SYSLIB0039 // Shown to be refused.
        handler.SslOptions.EnabledSslProtocols = SslProtocols.Tls11;
#pragma warning restore CA5397, SYSLIB0039
        using var client = new HttpClient(handler);

        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync(gateway.Proxy));
    }

    [Theory]
    [InlineData("RequireCertificate", null, false)]
    [InlineData("RequireCertificate", "ours", true)]
    [InlineData("RequireCertificate", "another's", false)]
    [InlineData("AllowCertificate", null, true)]
    [InlineData("AllowCertificate", "another's", false)]
    public async Task ClientCertificate_LeadsToTheAuthoritiesOrIsRefused(string mode, string? whose, bool isServed)
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("hello"));
        await using var gateway = await StartAsync(
            backend, null,
            [
                .. Listener(), ("Kestrel:Endpoints:Proxy:ClientCertificateMode", mode),
                ("IamGateway:Edge:ClientCertificateAuthorities", _pki.AuthorityFile),
            ]);
        using var own = whose is null ? null : (whose == "ours" ? _pki : _other).Certificate("anna");
        using var client = new HttpClient(Handler(own: own));

        if (isServed)
            Assert.Equal("hello", await client.GetStringAsync(gateway.Proxy));
        else
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync(gateway.Proxy));
    }

    [Theory]
    [InlineData(true, true, HttpStatusCode.OK)]
    // With TLS 1.3 the instance refuses after the handshake, when it may have the request.
    [InlineData(true, false, HttpStatusCode.BadGateway)]
    [InlineData(false, true, HttpStatusCode.ServiceUnavailable)]
    public async Task Instance_IsTrustedByItsAuthorityAndShownTheGatewaysCertificate(
        bool isTrusted, bool hasOwn, HttpStatusCode status)
    {
        using var server = _pki.Certificate("iam");
        var shown = new List<string?>();
        await using var backend = await Backend.StartAsync(
            "8.2.1",
            http =>
            {
                shown.Add(http.Connection.ClientCertificate?.Subject);
                return Task.CompletedTask;
            },
            https: new()
            {
                ServerCertificate = server,
                ClientCertificateMode = ClientCertificateMode.RequireCertificate,
                ClientCertificateValidation = (certificate, chain, errors) =>
                    Authorities.Trust(_pki.Roots, certificate, chain, errors),
            });
        var (own, key) = _pki.Issue("the gateway");
        await using var gateway = await StartAsync(
            backend, null,
            [
                ("IamGateway:InstanceTls:Authorities", (isTrusted ? _pki : _other).AuthorityFile),
                .. hasOwn ? new[]
                {
                    ("IamGateway:InstanceTls:Certificate", own), ("IamGateway:InstanceTls:Key", key),
                } : [],
            ]);
        using var client = new HttpClient();

        using var response = await client.GetAsync(gateway.Proxy);

        Assert.Equal(status, response.StatusCode);
        if (status == HttpStatusCode.OK)
            Assert.Equal("CN=the gateway", shown[^1]);
    }
}
