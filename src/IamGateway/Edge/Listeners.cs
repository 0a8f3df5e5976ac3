using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IamGateway.Configuration;
using Microsoft.AspNetCore.Server.Kestrel;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace IamGateway.Edge;

/// <summary>
/// Listeners as Kestrel's section configures them; a certificate from a file is renewed without a new listener, which
/// would cut connections.
/// </summary>
internal sealed class Listeners(CertificateFiles files, GatewaySettings settings)
{
    private readonly X509Certificate2Collection? _authorities =
        settings.Options.Edge.ClientCertificateAuthorities is { } file ? Authorities.Read(file) : null;

    public void Configure(KestrelServerOptions kestrel, IConfiguration listener)
    {
        var loader = kestrel.Configure(listener);
        foreach (var endpoint in listener.GetSection("Endpoints").GetChildren())
        {
            if (endpoint["Url"]?.StartsWith("https:", StringComparison.OrdinalIgnoreCase) == true)
                loader.Endpoint(endpoint.Key, e => UseFile(e, listener));
        }
    }

    private void UseFile(EndpointConfiguration endpoint, IConfiguration listener)
    {
        var https = endpoint.HttpsOptions;
        if (_authorities is not null)
            https.ClientCertificateValidation = (certificate, chain, errors) =>
                Authorities.Trust(_authorities, certificate, chain, errors);
        var own = endpoint.ConfigSection.GetSection("Certificate");
        var section = own.Exists() ? own : listener.GetSection("Certificates:Default");
        if (section["Path"] is not { } path || endpoint.ConfigSection.GetSection("Sni").GetChildren().Any())
            return;
        var file = files.Open(path, section["KeyPath"], section["Password"]);
        endpoint.ListenOptions.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = https.HandshakeTimeout,
            OnConnection = context =>
            {
                context.AllowDelayedClientCertificateNegotation =
                    https.ClientCertificateMode == ClientCertificateMode.DelayCertificate;
                return ValueTask.FromResult(Options(file, https));
            },
        });
    }

    private static SslServerAuthenticationOptions Options(CertificateFile file, HttpsConnectionAdapterOptions https)
    {
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = file.Context,
            EnabledSslProtocols = https.SslProtocols,
            ClientCertificateRequired = https.ClientCertificateMode
                is ClientCertificateMode.AllowCertificate or ClientCertificateMode.RequireCertificate,
        };
        if (https.ClientCertificateMode == ClientCertificateMode.NoCertificate)
            return options;
        options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => certificate is null
            ? https.ClientCertificateMode != ClientCertificateMode.RequireCertificate
            : IsTrusted(https, certificate, chain, errors);
        return options;
    }

    private static bool IsTrusted(
        HttpsConnectionAdapterOptions https, X509Certificate certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        // A client has no name that could differ; QUIC says that it does.
        errors &= ~SslPolicyErrors.RemoteCertificateNameMismatch;
        return https.ClientCertificateValidation is { } validate
            ? validate(certificate as X509Certificate2 ?? new X509Certificate2(certificate), chain, errors)
            : errors == SslPolicyErrors.None;
    }
}
