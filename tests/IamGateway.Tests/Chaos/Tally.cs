using System.Collections.Concurrent;
using System.Diagnostics;

namespace IamGateway.Tests.Chaos;

/// <summary>What happened in one round: every request as its client saw it, and every fault.</summary>
internal sealed class Tally
{
    // A refused request may have waited for MaxWait, and a store or a killed replica's leases take a while to be
    // settled.
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(8);
    private readonly ConcurrentQueue<RequestRecord> _requests = new();
    private readonly ConcurrentQueue<(string Name, long Begin, long End)> _faults = new();

    private readonly ConcurrentQueue<(long Begin, long End)> _stalls = new();
    private readonly ConcurrentQueue<string> _handles = new();

    /// <summary>Every session handle that a response handed out.</summary>
    public IReadOnlyCollection<string> Handles => _handles;

    public void Handed(string handle) => _handles.Enqueue(handle);

    public IReadOnlyCollection<RequestRecord> Requests => [.. _requests.Select(Excused)];

    public IReadOnlyCollection<(string Name, long Begin, long End)> Faults => _faults;

    /// <summary>Times at which the whole machine stood still for longer than a request may take.</summary>
    public int Stalls => _stalls.Count;

    public void Add(RequestRecord request) => _requests.Enqueue(request);

    private RequestRecord Excused(RequestRecord request) =>
        request.Outcome == RequestOutcome.Failed && _stalls.Any(s => s.Begin < request.End && request.Begin < s.End)
            ? request with { Outcome = RequestOutcome.Killed }
            : request;

    /// <summary>Watches for a machine that stands still: what is late then is not the gateway's doing.</summary>
    public async Task WatchAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var begin = Stopwatch.GetTimestamp();
            await Task.WhenAny(Task.Delay(50, stop));
            if (Stopwatch.GetElapsedTime(begin) > TimeSpan.FromSeconds(1.5))
                _stalls.Enqueue((begin, Stopwatch.GetTimestamp()));
        }
    }

    public async Task RunAsync(string name, Func<Task> fault)
    {
        var begin = Stopwatch.GetTimestamp();
        await fault();
        _faults.Enqueue((name, begin, Stopwatch.GetTimestamp()));
    }

    public int Count(RequestOutcome outcome) => Requests.Count(r => r.Outcome == outcome);

    public IEnumerable<(string Code, int Count)> Refusals => _requests.Where(r => r.Outcome == RequestOutcome.Refused)
        .GroupBy(r => r.Detail!).Select(g => (g.Key, g.Count())).OrderBy(g => g.Key);

    /// <summary>Refusals while everything had been well for some time.</summary>
    public IReadOnlyList<RequestRecord> RefusedWithoutReason =>
        [.. _requests.Where(r => r.Outcome == RequestOutcome.Refused && !HasReason(r))];

    /// <summary>The longest time to a refusal by a replica that was not paused meanwhile.</summary>
    public TimeSpan LongestRefusal => _requests
        .Where(r => r.Outcome == RequestOutcome.Refused && !r.Gateway.WasPaused(r.Begin, r.End))
        .Select(r => Stopwatch.GetElapsedTime(r.Begin, r.End)).DefaultIfEmpty().Max();

    private bool HasReason(RequestRecord request) => _faults.Any(f =>
        f.Begin < request.End && f.End + Aftermath.TotalSeconds * Stopwatch.Frequency > request.Begin);
}
