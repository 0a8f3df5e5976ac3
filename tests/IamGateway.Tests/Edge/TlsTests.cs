using System.Net;
using System.Net.Security;
using System.Net.Sockets;
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

    // By bytes: the library of a client would not speak 1.1 either, whatever the server does.
    [Theory]
    [InlineData(0x0302, Alert)]
    [InlineData(0x0303, Handshake)]
    public async Task ClientHello_OfTls11_IsRefusedAndOf12Answered(int version, byte answer)
    {
        await using var backend = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync("hello"));
        await using var gateway = await StartAsync(backend, null, Listener());
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", gateway.Proxy.Port);

        await client.GetStream().WriteAsync(ClientHello(version));
        var record = new byte[1];
        await client.GetStream().ReadExactlyAsync(record);

        Assert.Equal(answer, record[0]);
    }

    private const byte Alert = 0x15;
    private const byte Handshake = 0x16;

    /// <summary>The first record of a handshake (RFC 5246, section 7.4.1.2).</summary>
    private static byte[] ClientHello(int version)
    {
        byte[] extensions =
        [
            // The curve P-256, uncompressed points, signatures by ECDSA with SHA-256 or SHA-1.
            0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 6, 0, 4, 4, 3, 2, 3,
        ];
        byte[] body =
        [
            (byte)(version >> 8), (byte)version, .. new byte[32], 0,
            // ECDHE-ECDSA with AES-128-GCM and with AES-128-CBC-SHA, the latter for 1.1.
            0, 4, 0xc0, 0x2b, 0xc0, 0x09, 1, 0, 0, (byte)extensions.Length, .. extensions,
        ];
        return [Handshake, 3, 1, 0, (byte)(body.Length + 4), 1, 0, 0, (byte)body.Length, .. body];
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
