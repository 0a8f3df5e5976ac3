using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IamGateway.Instances;

namespace IamGateway.Tests.Instances;

/// <summary>What a connection to an instance tells about a question that was not answered.</summary>
public sealed class InstanceStreamTests : IAsyncLifetime
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[] _buffer = new byte[100];
    private InstanceStream _stream = null!;
    private Socket _instance = null!;

    public async ValueTask InitializeAsync()
    {
        _listener.Start();
        (_stream, _instance) = await ConnectAsync(isFollowed: true);
        await WriteAsync(_stream, "GET /first HTTP/1.1\r\n\r\n");
        await _instance.ReceiveAsync(_buffer);
        await _instance.SendAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray());
        Assert.NotEqual(0, await _stream.ReadAsync(_buffer.AsMemory()));
    }

    private async Task<(InstanceStream Stream, Socket Instance)> ConnectAsync(bool isFollowed)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_listener.LocalEndpoint);
        return (new InstanceStream(socket, isFollowed), await _listener.AcceptSocketAsync());
    }

    [Fact]
    public async Task End_NothingAsked_IsAnEnd()
    {
        Close();

        Assert.Equal(0, await _stream.ReadAsync(_buffer.AsMemory()));
    }

    [Fact]
    public async Task End_AskedAfterTheInstanceHadClosed_IsUnansweredAndNotDelivered()
    {
        Close();

        var error = await Assert.ThrowsAsync<UnansweredException>(AskAsync);

        Assert.False(error.WasDelivered);
    }

    [Fact]
    public async Task End_AskedAfterTheInstanceHadReset_IsUnansweredAndNotDelivered()
    {
        _instance.LingerState = new LingerOption(enable: true, seconds: 0);
        _instance.Dispose();

        var error = await Assert.ThrowsAsync<UnansweredException>(AskAsync);

        Assert.False(error.WasDelivered);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task End_InstanceHasReadTheQuestion_IsUnansweredAndDelivered(bool isReset)
    {
        var asked = AskAsync();
        await _instance.ReceiveAsync(_buffer);
        if (isReset)
            _instance.LingerState = new LingerOption(enable: true, seconds: 0);
        Close();

        var error = await Assert.ThrowsAsync<UnansweredException>(() => asked);

        Assert.True(error.WasDelivered);
    }

    [Fact]
    public async Task End_PartOfTheAnswerHasCome_IsAnEnd()
    {
        var asked = AskAsync();
        await _instance.ReceiveAsync(_buffer);
        await _instance.SendAsync("H"u8.ToArray());
        Assert.Equal(1, await asked);
        Close();

        Assert.Equal(0, await _stream.ReadAsync(_buffer.AsMemory()));
    }

    [Fact]
    public async Task End_AfterAnUpgrade_IsAnEndWhoeverSpokeLast()
    {
        var asked = AskAsync();
        await _instance.ReceiveAsync(_buffer);
        await _instance.SendAsync("HTTP/1.1 101 Switching Protocols\r\n\r\n"u8.ToArray());
        await asked;
        await WriteAsync(_stream, "anything");
        await _instance.ReceiveAsync(_buffer);
        Close();

        Assert.Equal(0, await _stream.ReadAsync(_buffer.AsMemory()));
    }

    [Fact]
    public async Task End_OfHttp2_IsAnEnd()
    {
        var (stream, instance) = await ConnectAsync(isFollowed: true);
        await using var connection = stream;
        await WriteAsync(stream, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        await instance.ReceiveAsync(_buffer);
        instance.Shutdown(SocketShutdown.Both);
        instance.Dispose();

        Assert.Equal(0, await stream.ReadAsync(_buffer.AsMemory()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task End_EncryptedAndSaidSo_IsUnanswered(bool isRead)
    {
        using var certificate = Certificate();
        var (stream, instance) = await ConnectAsync(isFollowed: false);
        await using var client = new InstanceTlsStream(stream);
        await using var server = new SslStream(new NetworkStream(instance, ownsSocket: true));
        await Task.WhenAll(
            server.AuthenticateAsServerAsync(certificate),
            client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = (_, shown, _, _) => certificate.Equals(shown),
            }));
        // The tickets for later sessions come with the first read.
        await server.WriteAsync("x"u8.ToArray());
        Assert.Equal(1, await client.ReadAsync(_buffer.AsMemory()));
        if (!isRead)
            await CloseAsync(server, instance);
        await WriteAsync(client, "GET / HTTP/1.1\r\n\r\n");
        if (isRead)
        {
            Assert.NotEqual(0, await server.ReadAsync(_buffer.AsMemory()));
            await CloseAsync(server, instance);
        }

        var error = await Assert.ThrowsAsync<UnansweredException>(
            () => client.ReadAsync(_buffer.AsMemory()).AsTask());

        Assert.Equal(isRead, error.WasDelivered);
    }

    private static async Task CloseAsync(SslStream server, Socket instance)
    {
        await server.ShutdownAsync();
        instance.Shutdown(SocketShutdown.Both);
        await server.DisposeAsync();
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private async Task<int> AskAsync()
    {
        await WriteAsync(_stream, "GET /second HTTP/1.1\r\n\r\n");
        return await _stream.ReadAsync(_buffer.AsMemory());
    }

    private static ValueTask WriteAsync(Stream stream, string text) => stream.WriteAsync(Encoding.ASCII.GetBytes(text));

    private void Close()
    {
        if (_instance.LingerState is not { Enabled: true })
            _instance.Shutdown(SocketShutdown.Both);
        _instance.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _instance.Dispose();
        _listener.Stop();
    }
}
