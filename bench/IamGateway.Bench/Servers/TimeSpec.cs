using System.Runtime.InteropServices;

namespace IamGateway.Bench.Servers;

/// <summary>The system's <c>struct timespec</c> on 64 bits.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    public long Seconds;
    public long Nanoseconds;

    public static TimeSpec Of(TimeSpan time) => new()
    {
        Seconds = time.Ticks / TimeSpan.TicksPerSecond,
        Nanoseconds = time.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick,
    };
}
