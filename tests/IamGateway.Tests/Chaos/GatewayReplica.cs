using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// A gateway that runs as a process of its own on fixed ports and is killed, stopped and started again.
/// </summary>
internal sealed class GatewayReplica(int index, int proxyPort, int adminPort, string[] arguments) : IAsyncDisposable
{
    private const int ConfigurationExitCode = 78;
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "IamGateway.dll");
    private readonly StringBuilder _output = new();
    private readonly List<Incarnation> _all = [];
    private Incarnation? _current;

    public Uri Proxy { get; } = new($"http://127.0.0.1:{proxyPort}");

    /// <summary>The process that the load balancer sends requests to; null: none.</summary>
    public Incarnation? InRotation => Volatile.Read(ref _inRotation);

    private Incarnation? _inRotation;

    public HttpClient Admin { get; } = NewAdmin(adminPort);

    /// <summary>All that its processes printed.</summary>
    public string Output => _output + _current?.Process.Output;

    private static HttpClient NewAdmin(int port)
    {
        var admin = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port}"),
            Timeout = TimeSpan.FromSeconds(10),
        };
        admin.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        return admin;
    }

    /// <summary>Starts it as a supervisor does: again and again while the store is away.</summary>
    public async Task StartAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var process = ServerProcess.Start("dotnet", [Program, .. arguments]);
            _current = new Incarnation(index, process);
            _all.Add(_current);
            while (!process.Process.HasExited && !await IsReadyAsync())
                await Task.Delay(20, patience.Token);
            if (!process.Process.HasExited)
                break;
            if (process.Process.ExitCode != ConfigurationExitCode)
            {
                throw new InvalidOperationException(
                    $"The gateway ended with {process.Process.ExitCode}: {process.Output}");
            }

            await RetireAsync();
        }

        Volatile.Write(ref _inRotation, _current);
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var ready = await Admin.GetAsync("/health/ready");
            if (!ready.IsSuccessStatusCode)
                return false;
            // The proxy listens last; its first request takes long on a busy machine, longer than RequestTimeout.
            using var warm = await Admin.GetAsync(new Uri(Proxy, "/health"));
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            return false;
        }
    }

    public async Task KillAsync()
    {
        var current = _current!;
        Volatile.Write(ref _inRotation, null);
        current.KilledAt = Stopwatch.GetTimestamp();
        await current.Process.SignalAsync("KILL");
        await RetireAsync();
    }

    /// <summary>Out of the rotation, its requests end, then SIGTERM: nothing fails.</summary>
    public async Task StopAsync()
    {
        var current = _current!;
        Volatile.Write(ref _inRotation, null);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (current.Requests > 0)
            await Task.Delay(10, patience.Token);
        await current.Process.SignalAsync("TERM");
        await current.Process.Process.WaitForExitAsync(patience.Token);
        if (current.Process.Process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"SIGTERM ended in {current.Process.Process.ExitCode}: {current.Process.Output}");
        }

        await RetireAsync();
    }

    public async Task PauseAsync(TimeSpan duration)
    {
        var current = _current!;
        var begin = Stopwatch.GetTimestamp();
        await current.Process.SignalAsync("STOP");
        await Task.Delay(duration);
        current.Paused(begin, Stopwatch.GetTimestamp());
        await current.Process.SignalAsync("CONT");
    }

    public bool IsRunning => _current is { } current && !current.Process.Process.HasExited;

    private async Task RetireAsync()
    {
        _output.Append(_current!.Process.Output).AppendLine("--- process ended");
        await _current.Process.DisposeAsync();
        _current = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_current is not null)
            await RetireAsync();
        foreach (var incarnation in _all)
            incarnation.Http.Dispose();
        Admin.Dispose();
    }
}
