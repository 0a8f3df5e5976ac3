using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace IamGateway.Bench.Servers;

/// <summary>A program that runs for the bench, with what the system accounts for it.</summary>
internal sealed partial class ChildProcess : IDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Process _process;

    /// <summary>Starts it; what it prints goes to a file.</summary>
    public ChildProcess(string log, string command, string[] args, params (string Name, string Value)[] environment)
    {
        // The shell becomes the command, so the number of the process stays.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >>\"$LOG\" 2>&1", "sh", command, .. args]);
        start.Environment["LOG"] = log;
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        _process = Process.Start(start)!;
        Log = log;
    }

    public string Log { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>User and system time of the process and its children so far.</summary>
    public TimeSpan Cpu
    {
        get
        {
            var ticks = Family().Sum(id =>
            {
                // Behind the name, which may hold anything: state is the first field, utime and stime the 12th and 13th.
                var stat = File.ReadAllText($"/proc/{id}/stat");
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                return long.Parse(fields[11], CultureInfo.InvariantCulture)
                    + long.Parse(fields[12], CultureInfo.InvariantCulture);
            });
            return TimeSpan.FromMilliseconds(10 * ticks);
        }
    }

    /// <summary>Resident bytes of the process and its children.</summary>
    public long WorkingSet => Family().Sum(id => File.ReadLines($"/proc/{id}/status")
        .Where(l => l.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Sum(l => 1024 * long.Parse(l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1])));

    private IEnumerable<string> Family() =>
        File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Prepend($"{_process.Id}");

    /// <summary>Waits until it listens.</summary>
    public async Task WaitForPortAsync(int port)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                if (HasExited || Stopwatch.GetElapsedTime(started) > Patience)
                    throw new InvalidOperationException($"It does not start; see {Log}:\n{File.ReadAllText(Log)}");
                await Task.Delay(50);
            }
        }
    }

    public static int FreePort()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Asks it to end, and ends it if it does not.</summary>
    public void Dispose()
    {
        if (!HasExited)
        {
            _ = Kill(_process.Id, Terminate);
            if (!_process.WaitForExit(Patience))
                _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int id, int signal);
}
