using System.Security.Cryptography;
using IamGateway.Recording;

namespace IamGateway.Edge;

/// <summary>Looks every few seconds whether certificates have been renewed.</summary>
internal sealed partial class CertificateFiles(
    GatewayMetrics metrics, TimeProvider time, ILogger<CertificateFiles> logger) : IHostedService, IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly List<CertificateFile> _files = [];
    private readonly HashSet<string> _unusable = [];
    private ITimer? _timer;

    /// <summary>Reads one, and follows it from then on.</summary>
    public CertificateFile Open(string path, string? key, string? password)
    {
        var file = new CertificateFile(path, key, password);
        metrics.CertificateExpires(path, file.Expires);
        lock (_lock)
            _files.Add(file);
        return file;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(_ => Look(), null, Interval, Interval);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        lock (_lock)
        {
            foreach (var file in _files)
                Look(file);
        }
    }

    private void Look(CertificateFile file)
    {
        try
        {
            if (!file.Look())
                return;
            _unusable.Remove(file.Path);
            metrics.Reloaded("certificate", "applied");
            metrics.CertificateExpires(file.Path, file.Expires);
            Renewed(file.Path, file.Expires);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            // Said once; certificate and key may also be written one after the other.
            if (!_unusable.Add(file.Path))
                return;
            metrics.Reloaded("certificate", "rejected");
            Unusable(file.Path, e.Message.ReplaceLineEndings(" ").TrimEnd('.'));
        }
    }

    [LoggerMessage(1201, LogLevel.Information, "Certificate {Path} was renewed; it is valid until {Expires:u}.")]
    private partial void Renewed(string path, DateTimeOffset expires);

    [LoggerMessage(1202, LogLevel.Error, "Certificate {Path} has changed and cannot be used ({Reason}); the one before "
        + "stays. Correct the file.")]
    private partial void Unusable(string path, string reason);
}
