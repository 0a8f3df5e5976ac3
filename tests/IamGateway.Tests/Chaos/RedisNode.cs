using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// A redis-server or redis-sentinel that can be killed and started again on its port, with or without its data.
/// </summary>
internal sealed class RedisNode(string program, params string[] arguments) : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-chaos-");
    private ServerProcess? _process;

    public int Port { get; } = Ports.Next();

    private string Snapshot => Path.Combine(_directory.FullName, "dump.rdb");

    private string Kept => Path.Combine(_directory.FullName, "kept.rdb");

    public async Task StartAsync(params string[] more)
    {
        _process = ServerProcess.Start(program, [.. FirstArguments(), .. arguments, .. more]);
        await _process.UntilAsync(async () => (await TrySayAsync("PING")).StartsWith("PONG", StringComparison.Ordinal));
    }

    private IEnumerable<string> FirstArguments()
    {
        if (program == "redis-sentinel")
        {
            // A sentinel rewrites its file.
            var file = Path.Combine(_directory.FullName, "sentinel.conf");
            File.WriteAllLines(
                file, [$"port {Port}", "bind 127.0.0.1", $"dir {_directory.FullName}", .. arguments]);
            arguments = [];
            return [file];
        }

        return
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", _directory.FullName,
        ];
    }

    public async Task KillAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _process = null;
    }

    public Task SignalAsync(string signal) => _process!.SignalAsync(signal);

    /// <summary>Keeps a snapshot of now for <see cref="RestartFromSnapshotAsync"/>.</summary>
    public async Task KeepSnapshotAsync()
    {
        await SayAsync("SAVE");
        File.Move(Snapshot, Kept, overwrite: true);
    }

    public async Task RestartEmptyAsync(TimeSpan away, params string[] more)
    {
        await KillAsync();
        File.Delete(Snapshot);
        await Task.Delay(away);
        await StartAsync(more);
    }

    public async Task RestartFromSnapshotAsync(TimeSpan away)
    {
        await KillAsync();
        if (File.Exists(Kept))
            File.Copy(Kept, Snapshot, overwrite: true);
        await Task.Delay(away);
        await StartAsync();
        File.Delete(Snapshot);
    }

    public async Task<string> TrySayAsync(params string[] command)
    {
        var start = new ProcessStartInfo("redis-cli", ["-p", $"{Port}", .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await errors;
        await process.WaitForExitAsync();
        return output;
    }

    public async Task<string> SayAsync(params string[] command)
    {
        var answer = await TrySayAsync(command);
        return answer.Length > 0 && !answer.StartsWith("ERR", StringComparison.Ordinal)
            ? answer
            : throw new InvalidOperationException($"{program} {Port}: {string.Join(' ', command)}: {answer}");
    }

    /// <summary>
    /// Stops this replica and lays a command into its hands that drops the connection to its primary, unread, as soon
    /// as it goes on: what the primary sends from now on is lost.
    /// </summary>
    public async Task<IDisposable> StopHearingAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        await SignalAsync("STOP");
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("CLIENT KILL TYPE master\r\n"));
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _directory.Delete(recursive: true);
    }
}
