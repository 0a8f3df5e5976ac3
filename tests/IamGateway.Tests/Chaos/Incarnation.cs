using System.Collections.Concurrent;
using System.Diagnostics;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Chaos;

/// <summary>One process start of a replica, with the connections that clients have to it.</summary>
internal sealed class Incarnation(int replica, ServerProcess process)
{
    // RequestTimeout, less what a loaded machine takes away.
    private static readonly long LongPause = Stopwatch.Frequency * 3 / 2;
    private readonly ConcurrentQueue<(long Begin, long End)> _pauses = new();
    private long _killedAt;
    private int _requests;

    public int Replica { get; } = replica;

    public ServerProcess Process { get; } = process;

    public HttpMessageInvoker Http { get; } =
        new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, UseProxy = false });

    /// <summary>When it was killed, as a Stopwatch timestamp, or 0.</summary>
    public long KilledAt
    {
        get => Volatile.Read(ref _killedAt);
        set => Volatile.Write(ref _killedAt, value);
    }

    /// <summary>
    /// Whether it was killed between two moments, or paused for so long that the instance's answer was late when it
    /// went on.
    /// </summary>
    public bool WasOut(long begin, long end) =>
        KilledAt is > 0 and var killed && begin <= killed && killed <= end
        || _pauses.Any(p => p.End - p.Begin >= LongPause && begin <= p.End && p.Begin <= end);

    public bool WasPaused(long begin, long end) => _pauses.Any(p => begin <= p.End && p.Begin <= end);

    public void Paused(long begin, long end) => _pauses.Enqueue((begin, end));

    /// <summary>Requests of clients that have not ended.</summary>
    public int Requests => Volatile.Read(ref _requests);

    public void Enter() => Interlocked.Increment(ref _requests);

    public void Exit() => Interlocked.Decrement(ref _requests);
}
