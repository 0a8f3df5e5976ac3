using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace IamGateway.Edge;

/// <summary>Certificate authorities that are trusted in place of those of the system.</summary>
internal static class Authorities
{
    /// <summary>Reads the certificates of a PEM file.</summary>
    public static X509Certificate2Collection Read(string file)
    {
        var read = new X509Certificate2Collection();
        read.ImportFromPemFile(file);
        return read;
    }

    /// <summary>Whether a certificate leads to one of these authorities, and nothing else is wrong with it.</summary>
    public static bool Trust(
        X509Certificate2Collection roots, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // What the peer sent besides its own leads from it to the authority.
        if (sent is not null)
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        return chain.Build(certificate as X509Certificate2 ?? new X509Certificate2(certificate));
    }
}
