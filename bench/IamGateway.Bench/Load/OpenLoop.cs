using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace IamGateway.Bench.Load;

/// <summary>
/// Clients that send at fixed times, whatever became of the requests before. Latency counts from the time at which a
/// request was due, so an answer that comes late makes all that wait behind it late as well.
/// </summary>
internal sealed partial class OpenLoop(int[] ports, Load load, string sessionFile, int connections, double perSecond)
{
    private const int SetTimerSlack = 29;
    private readonly byte[][] _requests = [.. File.ReadLines(sessionFile).Select(l => Request(load, l))];
    private long _errors;

    public async Task<Outcome> RunAsync(TimeSpan time)
    {
        _errors = 0;
        var perConnection = (int)(perSecond * time.TotalSeconds / connections);
        var at = Turn.Of(sessionFile);
        Turn.Went(sessionFile, (long)perConnection * connections);
        var start = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 10;
        var latencies = new long[connections][];
        var threads = Enumerable.Range(0, connections).Select(c => new Thread(
            () => latencies[c] = RunOne(c, perConnection, start, at), 256 * 1024)).ToArray();
        foreach (var thread in threads)
            thread.Start();
        await Task.Run(() => Array.ForEach(threads, t => t.Join()));
        var took = Stopwatch.GetElapsedTime(start);
        var all = latencies.SelectMany(l => l).Order().ToArray();
        TimeSpan At(double q) =>
            Stopwatch.GetElapsedTime(0, all[Math.Min(all.Length - 1, (int)(q * all.Length))]);
        return new Outcome(all.Length, took, At(0.5), At(0.99), At(0.999), _errors);
    }

    private long[] RunOne(int connection, int count, long start, long at)
    {
        // Without it the system wakes sleepers up to 50 microseconds late.
        _ = SetProcess(SetTimerSlack, 1);
        var socket = Connect(connection);
        var answer = new byte[32 * 1024];
        var latencies = new long[count];
        for (var i = 0; i < count; i++)
        {
            var number = (long)i * connections + connection;
            var due = start + (long)(number / perSecond * Stopwatch.Frequency);
            SleepUntil(due);
            if (!TryAsk(socket, _requests[(at + number) % _requests.Length], answer))
            {
                Interlocked.Increment(ref _errors);
                socket.Dispose();
                socket = Connect(connection);
            }

            latencies[i] = Stopwatch.GetTimestamp() - due;
        }

        socket.Dispose();
        return latencies;
    }

    private Socket Connect(int connection)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect("127.0.0.1", ports[connection % ports.Length]);
        return socket;
    }

    private static void SleepUntil(long due)
    {
        var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
        if (left <= TimeSpan.Zero)
            return;
        var time = new TimeSpec
        {
            Seconds = left.Ticks / TimeSpan.TicksPerSecond,
            Nanoseconds = left.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick,
        };
        _ = NanoSleep(time, IntPtr.Zero);
    }

    /// <summary>Sends a request and receives its answer; true: it is a success.</summary>
    private static bool TryAsk(Socket socket, byte[] request, byte[] buffer)
    {
        try
        {
            socket.Send(request);
            var (count, length) = (0, -1);
            while (length < 0 || count < length)
            {
                var received = socket.Receive(buffer, count, buffer.Length - count, SocketFlags.None);
                if (received == 0)
                    return false;
                count += received;
                if (length < 0)
                    length = LengthOf(buffer.AsSpan(0, count));
            }

            return buffer.AsSpan(0, count).StartsWith("HTTP/1.1 2"u8);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int LengthOf(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
            return -1;
        var line = answer.IndexOf("Content-Length: "u8);
        if (line < 0)
            line = answer.IndexOf("content-length: "u8);
        if (line < 0)
            throw new IOException("An answer has no Content-Length.");
        _ = System.Buffers.Text.Utf8Parser.TryParse(answer[(line + 16)..], out int body, out _);
        return head + 4 + body;
    }

    private static byte[] Request(Load load, string line)
    {
        var text = load.IsForm
            ? $"POST {load.Path}?t={line[(line.LastIndexOf('=') + 1)..]} HTTP/1.1\r\nHost: bench\r\n"
                + "Content-Type: application/x-www-form-urlencoded\r\n"
                + $"Content-Length: {line.Length}\r\n\r\n{line}"
            : $"GET {load.Path} HTTP/1.1\r\nHost: bench\r\nCookie: {line}\r\n\r\n";
        return Encoding.ASCII.GetBytes(text);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int NanoSleep(in TimeSpec time, IntPtr left);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetProcess(int option, ulong value);
}
