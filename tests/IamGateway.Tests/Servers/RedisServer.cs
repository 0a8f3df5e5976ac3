using System.Net.Sockets;
using IamGateway.Tests.Secrecy;

namespace IamGateway.Tests.Servers;

/// <summary>A real redis-server on a free port, without persistence unless asked for.</summary>
public sealed class RedisServer : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-redis-");
    private ServerProcess? _process;

    public int Port { get; } = Ports.Next();

    /// <summary>More of its command line.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>As <c>ConnectionStrings:Redis</c>.</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    public async ValueTask InitializeAsync() => await StartAsync();

    public async Task StartAsync()
    {
        _process = ServerProcess.Start(
            "redis-server",
            [
                "--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                _directory.FullName, .. Options,
            ]);
        await _process.UntilAsync(IsUpAsync);
    }

    /// <summary>Writes a snapshot; the next start begins with it.</summary>
    public async Task SaveAsync()
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Port);
        await client.GetStream().WriteAsync("SAVE\r\n"u8.ToArray());
        var answer = new byte[5];
        await client.GetStream().ReadExactlyAsync(answer);
        Assert.Equal("+OK\r\n"u8.ToArray(), answer);
    }

    /// <summary>Ends the server as a crash does; what was not saved is gone.</summary>
    public async Task KillAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _process = null;
    }

    /// <summary>STOP or CONT.</summary>
    internal Task SignalAsync(string signal) => _process!.SignalAsync(signal);

    /// <summary>
    /// A command that the gateway's own connection does not allow itself, as an operator would type it.
    /// </summary>
    public async Task CommandAsync(string command)
    {
        OutputWatch.Current?.Places.StoreCommand(command);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Port);
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(command + "\r\n"));
        using var reader = new StreamReader(client.GetStream());
        if (await reader.ReadLineAsync() is not "+OK")
            throw new InvalidOperationException($"redis-server refuses '{command}'.");
    }

    private async Task<bool> IsUpAsync()
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", Port);
            await client.GetStream().WriteAsync("PING\r\n"u8.ToArray());
            var answer = new byte[7];
            return await client.GetStream()
                .ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false) == answer.Length
                // One that is still loading says so instead; one that wants a password is up.
                && (answer.AsSpan().SequenceEqual("+PONG\r\n"u8) || answer.AsSpan().SequenceEqual("-NOAUTH"u8));
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _directory.Delete(recursive: true);
    }
}
