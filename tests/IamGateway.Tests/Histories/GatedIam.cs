using System.Collections.Concurrent;
using System.Diagnostics;
using DemoIam;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Histories;

/// <summary>
/// An IAM whose requests take as long as the test wants, and that records them. The query says what a request does:
/// <c>set</c> hands out that session cookie, <c>says</c> is the version that the answer names, <c>gate</c> makes it
/// wait for <see cref="Open"/>, with <c>stream</c> only after the first byte of its answer.
/// </summary>
internal sealed class GatedIam
{
    public const string VersionHeader = "X-Iam-Version";
    private const string Cookie = "IAM_SESSION";
    private readonly ConcurrentDictionary<string, string> _sessions = new();
    private readonly ConcurrentDictionary<string,
        (TaskCompletionSource Begun, TaskCompletionSource Open)> _gates = new();
    private readonly ConcurrentQueue<HistoryEntry> _history = new();
    private long _requests;

    public IReadOnlyCollection<HistoryEntry> History => _history;

    public Task<Backend> StartAsync(string version) => Backend.StartAsync(version, http => HandleAsync(http, version));

    /// <summary>Completes when the request of this gate is at work.</summary>
    public Task BegunAsync(string gate) => Gate(gate).Begun.Task;

    public void Open(string gate) => Gate(gate).Open.TrySetResult();

    private (TaskCompletionSource Begun, TaskCompletionSource Open) Gate(string name) => _gates.GetOrAdd(
        name,
        _ => (new(TaskCreationOptions.RunContinuationsAsynchronously),
            new(TaskCreationOptions.RunContinuationsAsynchronously)));

    private async Task HandleAsync(HttpContext http, string version)
    {
        var number = Interlocked.Increment(ref _requests);
        var sid = http.Request.Cookies[Cookie] is { } cookie
            && _sessions.TryGetValue(cookie, out var known) ? known : $"sid-{number}";
        Record(HistoryEntry.Begin, number, sid, version, http);
        if (http.Request.Query["set"] is [{ } handle])
        {
            _sessions[handle] = sid;
            http.Response.Headers.Append("Set-Cookie", $"{Cookie}={handle}; Path=/");
        }

        if (http.Request.Query["says"] is [{ } says])
            http.Response.Headers[VersionHeader] = says;
        if (http.Request.Query["gate"] is [{ } gate])
        {
            if (http.Request.Query.ContainsKey("stream"))
                await http.Response.WriteAsync(" ");
            Gate(gate).Begun.TrySetResult();
            await Gate(gate).Open.Task;
        }

        Record(HistoryEntry.End, number, sid, version, http);
        await http.Response.WriteAsync(version, CancellationToken.None);
    }

    private void Record(char kind, long request, string sid, string version, HttpContext http) => _history.Enqueue(
        new HistoryEntry(Stopwatch.GetTimestamp(), kind, request, sid, version, version,
            http.Request.Path + http.Request.QueryString));
}
