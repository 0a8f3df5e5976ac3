using System.Diagnostics;
using System.Text;
using IamGateway.Tests.Secrecy;

namespace IamGateway.Tests.Servers;

/// <summary>A program of the machine that a test starts, with what it prints.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly StringBuilder _output = new();
    private readonly WatchedProcess? _watched;
    private bool _isStopped;

    private ServerProcess(Process process, WatchedProcess? watched) => (Process, _watched) = (process, watched);

    public Process Process { get; }

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public static ServerProcess Start(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var watched = WatchedProcess.Of(program, arguments, environment);
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        var process = System.Diagnostics.Process.Start(start)
            ?? throw new InvalidOperationException($"{program} did not start.");
        var server = new ServerProcess(process, watched);
        process.OutputDataReceived += (_, e) => server.Append(e.Data);
        process.ErrorDataReceived += (_, e) => server.Append(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    private void Append(string? line)
    {
        if (line is null)
            return;
        _watched?.Printed(line);
        lock (_output)
            _output.AppendLine(line);
    }

    /// <summary>Asks again and again until the condition holds; fails with what the program printed.</summary>
    public async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            if (Process.HasExited || patience.IsCancellationRequested)
                throw new InvalidOperationException($"{Process.StartInfo.FileName} is not ready: {Output}");
            await Task.Delay(20);
        }
    }

    public async Task SignalAsync(string signal)
    {
        _isStopped = signal == "STOP" || _isStopped && signal != "CONT";
        using var kill = System.Diagnostics.Process.Start("kill", [$"-{signal}", $"{Process.Id}"]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!Process.HasExited)
        {
            if (!_isStopped && _watched is not null)
                await _watched.EndsAsync();
            Process.Kill(entireProcessTree: true);
        }

        await Process.WaitForExitAsync();
        Process.Dispose();
    }
}
