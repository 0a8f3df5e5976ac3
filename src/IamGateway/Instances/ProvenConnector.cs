using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace IamGateway.Instances;

/// <summary>
/// Opens connections to instances and asks each on itself which version it leads to, before it carries a session. A
/// process that is replaced takes its connections with it, so no upgrade fits between question and use.
/// </summary>
internal sealed class ProvenConnector(VersionProbe probe, InstanceTable instances, InstanceTruth truth)
{
    /// <summary>The callback of a pool whose connections all lead to one version.</summary>
    public async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, SslClientAuthenticationOptions tls, VersionId expected,
        CancellationToken cancellation)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var request = context.InitialRequestMessage;
        var instance = instances.At(host, port).FirstOrDefault()
            ?? throw new IOException($"no instance is at {host}:{port} any more.");
        var stream = await OpenAsync(
            context.DnsEndPoint, request.RequestUri!.Scheme == Uri.UriSchemeHttps ? tls : null,
            request.Headers.Host?.Split(':')[0], cancellation);
        try
        {
            var answer = await probe.AskAsync(stream, new Uri(instance.Address), cancellation);
            var proven = truth.Learn(instance, answer);
            return proven == expected
                ? stream
                : throw new VersionMismatchException(
                    $"instance {instance.Id} {(proven is null ? "does not prove its version" : $"is {proven}")}, "
                    + $"not {expected}.");
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>The callback of a pool whose connections nobody asks for their version.</summary>
    public static async ValueTask<Stream> ConnectUnprovenAsync(
        SocketsHttpConnectionContext context, SslClientAuthenticationOptions tls, CancellationToken cancellation)
    {
        var request = context.InitialRequestMessage;
        var (uri, address) = (request.RequestUri!, context.DnsEndPoint);
        // Through a web proxy the client encrypts by itself, behind what it says to the proxy.
        if (uri.IdnHost != address.Host || uri.Port != address.Port)
            return await OpenAsync(address, null, null, cancellation, isFollowed: false);
        return await OpenAsync(
            address, uri.Scheme is "https" or "wss" ? tls : null, request.Headers.Host?.Split(':')[0], cancellation,
            mayBeHttp2: request.Version.Major == 2);
    }

    /// <summary>
    /// Opens a connection; with <paramref name="tls"/> it is encrypted, and speaks HTTP/1.1 unless HTTP/2 is allowed.
    /// </summary>
    public static async Task<Stream> OpenAsync(
        DnsEndPoint address, SslClientAuthenticationOptions? tls, string? serverName, CancellationToken cancellation,
        bool mayBeHttp2 = false, bool isFollowed = true)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        KeepAlive.Set(socket);
        try
        {
            await socket.ConnectAsync(address, cancellation);
            var plain = new InstanceStream(socket, isFollowed && tls is null);
            if (tls is null)
                return plain;
            var secure = new InstanceTlsStream(plain);
            await secure.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = serverName ?? address.Host,
                    EnabledSslProtocols = tls.EnabledSslProtocols,
                    RemoteCertificateValidationCallback = tls.RemoteCertificateValidationCallback,
                    CertificateRevocationCheckMode = tls.CertificateRevocationCheckMode,
                    CertificateChainPolicy = tls.CertificateChainPolicy,
                    ClientCertificates = tls.ClientCertificates,
                    ClientCertificateContext = tls.ClientCertificateContext,
                    LocalCertificateSelectionCallback = tls.LocalCertificateSelectionCallback,
                    ApplicationProtocols = mayBeHttp2
                        ? [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]
                        : [SslApplicationProtocol.Http11],
                },
                cancellation);
            return secure;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
