using System.Runtime.InteropServices;

namespace IamGateway.Bench.Servers;

/// <summary>Something that stands between clients and the instances, and is measured.</summary>
internal abstract partial class Subject(string name) : IDisposable
{
    private readonly List<ChildProcess> _proxies = [];
    private readonly List<string> _probes = [];

    public string Name { get; } = name;

    /// <summary>Where it listens: a port for each replica.</summary>
    public int[] Ports { get; protected set; } = [];

    public Redis? Redis { get; protected set; }

    /// <summary>What its clients carry, one a line.</summary>
    public string SessionFile { get; protected set; } = "";

    /// <summary>Started in a folder of its own, in front of the instances, for a load.</summary>
    public abstract Task StartAsync(Backend backend, string folder, Load.Load load, BenchOptions options);

    /// <summary>Measured with nothing that it could have learned from the load.</summary>
    public virtual bool IsCold => false;

    /// <summary>Before each window that is measured.</summary>
    public virtual Task PrepareAsync() => Task.CompletedTask;

    public Reading Read() => new(
        TimeSpan.FromTicks(_proxies.Sum(p => p.Cpu.Ticks)),
        Redis?.Process.Cpu ?? TimeSpan.Zero,
        _probes.Count == 0 ? null : _probes.Sum(Allocated),
        Redis?.Calls(ofScripts: this is GatewaySubject) ?? 0,
        _proxies.Sum(p => p.WorkingSet));

    private static long Allocated(string probe)
    {
        using var questions = StartupHook.Open(probe);
        using var answers = StartupHook.Open(probe + StartupHook.AnswerSuffix);
        questions.WriteByte(0);
        var bytes = new byte[sizeof(long)];
        answers.ReadExactly(bytes);
        return BitConverter.ToInt64(bytes);
    }

    protected void Add(ChildProcess proxy) => _proxies.Add(proxy);

    /// <summary>Starts a .NET program that tells what it allocates.</summary>
    protected void AddDotnet(string folder, string program, params string[] args)
    {
        var probe = Path.Combine(folder, $"probe{_proxies.Count}-{Guid.NewGuid():n}");
        _ = MakePipe(probe, Convert.ToUInt32("600", 8));
        _ = MakePipe(probe + StartupHook.AnswerSuffix, Convert.ToUInt32("600", 8));
        _probes.Add(probe);
        Add(new ChildProcess(
            Path.Combine(folder, $"log{_proxies.Count}"), "dotnet", [program, .. args],
            ("DOTNET_STARTUP_HOOKS", typeof(Subject).Assembly.Location), ("BENCH_PROBE", probe)));
    }

    protected async Task WaitForPortsAsync()
    {
        foreach (var (index, port) in Ports.Index())
            await _proxies[index].WaitForPortAsync(port);
    }

    protected void StopProxies()
    {
        foreach (var proxy in _proxies)
            proxy.Dispose();
        _proxies.Clear();
        _probes.Clear();
    }

    protected static async Task<string> WriteSessionsAsync(string folder, string name, IEnumerable<string> lines)
    {
        var file = Path.Combine(folder, name);
        await File.WriteAllLinesAsync(file, lines);
        return file;
    }

    public void Dispose()
    {
        StopProxies();
        Redis?.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakePipe(string path, uint mode);
}
