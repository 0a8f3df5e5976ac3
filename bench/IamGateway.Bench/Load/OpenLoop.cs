using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using IamGateway.Bench.Servers;

namespace IamGateway.Bench.Load;

/// <summary>
/// Clients that send at fixed times, whatever became of the requests before. Latency counts from the time at which a
/// request was due, so an answer that comes late makes all that wait behind it late as well. One thread looks after all
/// connections: a thread for each would take the machine as much as the proxy does.
/// </summary>
internal sealed partial class OpenLoop(int[] ports, Load load, string sessionFile, int connections, double perSecond)
{
    private const int SetTimerSlack = 29;
    private const short Readable = 1;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly byte[][] _requests = [.. File.ReadLines(sessionFile).Select(l => Request(load, l))];
    private long _at;
    private long _start;
    private long[] _latencies = [];
    private long _answered;
    private long _errors;

    /// <summary>Runs them for a time.</summary>
    /// <exception cref="TimeoutException">For ten seconds nothing was answered.</exception>
    public Task<Outcome> RunAsync(double seconds) => Task.Factory.StartNew(
        () => Run((long)(perSecond * seconds)), CancellationToken.None, TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    private Outcome Run(long count)
    {
        // Without it the system wakes sleepers up to 50 microseconds late.
        _ = SetProcess(SetTimerSlack, 1);
        (_latencies, _answered, _errors) = (new long[count], 0, 0);
        _at = Turn.Of(sessionFile);
        Turn.Went(sessionFile, count);
        var clients = Enumerable.Range(0, connections).Select(i => new Client(ports[i % ports.Length], i)).ToArray();
        _start = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 10;
        SendAndReceive(clients, count);
        var took = Stopwatch.GetElapsedTime(_start);
        Array.ForEach(clients, c => c.Dispose());
        Array.Sort(_latencies);
        TimeSpan At(double q) => Stopwatch.GetElapsedTime(0, _latencies[Math.Min(count - 1, (long)(q * count))]);
        return new Outcome(count, took, At(0.5), At(0.99), At(0.999), _errors);
    }

    private void SendAndReceive(Client[] clients, long count)
    {
        var polls = new Poll[connections];
        for (var next = 0L; _answered < count;)
        {
            for (; next < count && DueAt(next) <= Stopwatch.GetTimestamp(); next++)
            {
                if (clients[next % connections].Number == next)
                    Ask(clients[next % connections]);
            }

            for (var i = 0; i < connections; i++)
                polls[i] = new Poll { File = clients[i].File, Events = Readable };
            var left = next < count ? Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), DueAt(next)) : Patience;
            if (WaitForAny(polls, left) == 0 && next == count)
                throw new TimeoutException($"{count - _answered} requests have had no answer for {Patience}.");
            for (var i = 0; i < connections; i++)
            {
                if (polls[i].Happened != 0)
                    Receive(clients[i], next);
            }
        }
    }

    private long DueAt(long number) => _start + (long)(number / perSecond * Stopwatch.Frequency);

    private void Ask(Client client)
    {
        if (!client.TryAsk(_requests[(_at + client.Number) % _requests.Length]))
            End(client, isError: true);
    }

    private void Receive(Client client, long next)
    {
        if (!client.IsAsked)
            client.ConnectAgain();
        else if (client.Receive() is { } isSuccess)
            End(client, !isSuccess);
        // What has become due while it waited.
        while (client.Number < next && !client.IsAsked)
            Ask(client);
    }

    // Each request has its client, whose next one waits for the answer to this one.
    private void End(Client client, bool isError)
    {
        _latencies[client.Number] = Stopwatch.GetTimestamp() - DueAt(client.Number);
        _answered++;
        client.Number += connections;
        if (!isError)
            return;
        _errors++;
        client.ConnectAgain();
    }

    private static int WaitForAny(Poll[] polls, TimeSpan time) => Wait(
        ref polls[0], (nuint)polls.Length, TimeSpec.Of(time > TimeSpan.Zero ? time : TimeSpan.Zero), IntPtr.Zero);

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
    private struct Poll
    {
        public int File;
        public short Events;
        public short Happened;
    }

    /// <summary>A connection, and the number of the request that it is at.</summary>
    private sealed class Client(int port, long number) : IDisposable
    {
        private readonly byte[] _answer = new byte[32 * 1024];
        private Socket _socket = Connect(port);
        private int _count;
        private int _length = -1;

        public long Number { get; set; } = number;

        public bool IsAsked { get; private set; }

        public int File => (int)_socket.Handle;

        public bool TryAsk(byte[] request)
        {
            try
            {
                _socket.Send(request);
                return IsAsked = true;
            }
            catch (SocketException)
            {
                return false;
            }
        }

        /// <summary>Takes what has come. Null: there is more to come. True: it is a success.</summary>
        public bool? Receive()
        {
            try
            {
                var received = _socket.Receive(_answer, _count, _answer.Length - _count, SocketFlags.None);
                if (received == 0)
                    return false;
                _count += received;
                if (_length < 0)
                    _length = LengthOf(_answer.AsSpan(0, _count));
                if (_length < 0 || _count < _length)
                    return null;
                (_count, _length, IsAsked) = (0, -1, false);
                return _answer.AsSpan().StartsWith("HTTP/1.1 2"u8);
            }
            catch (SocketException)
            {
                return false;
            }
        }

        public void ConnectAgain()
        {
            _socket.Dispose();
            (_socket, _count, _length, IsAsked) = (Connect(port), 0, -1, false);
        }

        private static Socket Connect(int port)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect("127.0.0.1", port);
            return socket;
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

        public void Dispose() => _socket.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int Wait(ref Poll polls, nuint count, in TimeSpec time, IntPtr signals);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetProcess(int option, ulong value);
}
