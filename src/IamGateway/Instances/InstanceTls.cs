using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IamGateway.Configuration;
using IamGateway.Edge;

namespace IamGateway.Instances;

/// <summary>Whose certificates instances may show, and which one they are shown.</summary>
internal sealed class InstanceTls(GatewaySettings settings, CertificateFiles files)
{
    private readonly X509Certificate2Collection? _authorities =
        settings.Options.InstanceTls.Authorities is { } file ? Authorities.Read(file) : null;

    private readonly CertificateFile? _own = settings.Options.InstanceTls is { Certificate: { } path, Key: { } key }
        ? files.Open(path, key, password: null)
        : null;

    public void Apply(SslClientAuthenticationOptions options)
    {
        if (_authorities is not null)
            options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                Authorities.Trust(_authorities, certificate, chain, errors);
        if (_own is not null)
            options.LocalCertificateSelectionCallback = (_, _, _, _, _) => _own.Context.TargetCertificate;
    }
}
