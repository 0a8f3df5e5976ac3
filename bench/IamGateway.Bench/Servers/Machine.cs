using System.Diagnostics;
using System.Runtime.InteropServices;

namespace IamGateway.Bench.Servers;

/// <summary>
/// Sees when the machine itself stands still: the host of a virtual one may take a processor away, or all of them for
/// tens of milliseconds when it has used up what it is allotted, and a p99 that such a stop falls into says nothing of
/// a proxy. On each processor a thread that goes before all others (SCHED_FIFO) sleeps for a millisecond again and
/// again; how late it comes back is how long the processor was away.
/// </summary>
internal sealed partial class Machine : IDisposable
{
    private const int Fifo = 1;
    private const int Priority = 50;
    private const int BytesOfMask = 128;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);
    private readonly Thread[] _watches;
    private readonly long[] _longest;
    private volatile bool _isOver;

    public Machine()
    {
        _longest = new long[Environment.ProcessorCount];
        _watches = [.. _longest.Select((_, cpu) => new Thread(() => Watch(cpu), 256 * 1024) { IsBackground = true })];
        foreach (var watch in _watches)
            watch.Start();
    }

    /// <summary>The system lets it watch, which takes root or CAP_SYS_NICE.</summary>
    public bool IsWatched { get; private set; } = true;

    /// <summary>How long a processor was away at the most since this was called last.</summary>
    public TimeSpan TakeLongestStop() =>
        new(Enumerable.Range(0, _longest.Length).Max(i => Interlocked.Exchange(ref _longest[i], 0)));

    private void Watch(int cpu)
    {
        var mask = new byte[BytesOfMask];
        mask[cpu / 8] = (byte)(1 << cpu % 8);
        if (SetAffinity(0, BytesOfMask, mask) != 0 || SetScheduler(0, Fifo, Priority) != 0)
        {
            IsWatched = false;
            return;
        }

        while (!_isOver)
        {
            var before = Stopwatch.GetTimestamp();
            _ = NanoSleep(TimeSpec.Of(Step), IntPtr.Zero);
            var late = (Stopwatch.GetElapsedTime(before) - Step).Ticks;
            if (late > Volatile.Read(ref _longest[cpu]))
                Interlocked.Exchange(ref _longest[cpu], late);
        }
    }

    public void Dispose()
    {
        _isOver = true;
        Array.ForEach(_watches, w => w.Join());
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nint size, byte[] mask);

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, in int priority);

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int NanoSleep(in TimeSpec time, IntPtr left);
}
