using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IamGateway.Edge;

/// <summary>
/// A certificate with its key, in PEM (two files) or PKCS #12, that is read anew when the files change.
/// </summary>
internal sealed class CertificateFile
{
    private readonly string? _key;
    private readonly string? _password;
    private byte[] _digest;
    private volatile SslStreamCertificateContext _context;

    /// <exception cref="CryptographicException">It cannot be read.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public CertificateFile(string path, string? key, string? password)
    {
        (Path, _key, _password) = (path, key, password);
        _digest = Digest();
        _context = Load();
    }

    public string Path { get; }

    /// <summary>The certificate with what leads from it to its authority.</summary>
    public SslStreamCertificateContext Context => _context;

    public DateTimeOffset Expires => _context.TargetCertificate.NotAfter;

    /// <summary>
    /// True: there is another certificate now. One that cannot be used leaves the present one in place.
    /// </summary>
    /// <exception cref="CryptographicException">The new one cannot be used.</exception>
    /// <exception cref="IOException">The new one cannot be read.</exception>
    public bool Look()
    {
        var digest = Digest();
        if (digest.AsSpan().SequenceEqual(_digest))
            return false;
        // Connections that are being set up may still use the one before, so it is left to the collector.
        _context = Load();
        _digest = digest;
        return true;
    }

    private byte[] Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(File.ReadAllBytes(Path));
        if (_key is not null)
            hash.AppendData(File.ReadAllBytes(_key));
        return hash.GetHashAndReset();
    }

    private SslStreamCertificateContext Load()
    {
        try
        {
            return Read();
        }
        catch (ArgumentException e)
        {
            // The key is of another certificate.
            throw new CryptographicException(e.Message.Split(" (Parameter")[0], e);
        }
    }

    private SslStreamCertificateContext Read()
    {
        var all = new X509Certificate2Collection();
        X509Certificate2? leaf;
        if (_key is null)
        {
            all = X509CertificateLoader.LoadPkcs12CollectionFromFile(Path, _password);
            leaf = all.FirstOrDefault(c => c.HasPrivateKey);
        }
        else
        {
            leaf = _password is null
                ? X509Certificate2.CreateFromPemFile(Path, _key)
                : X509Certificate2.CreateFromEncryptedPemFile(Path, _password, _key);
            all.ImportFromPemFile(Path);
        }

        if (leaf is null)
            throw new CryptographicException("it holds no private key");
        var chain = all.Where(c => c.Thumbprint != leaf.Thumbprint).ToArray();
        return SslStreamCertificateContext.Create(leaf, new X509Certificate2Collection(chain), offline: true);
    }
}
