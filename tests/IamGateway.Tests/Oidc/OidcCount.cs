using System.Collections.Concurrent;

namespace IamGateway.Tests.Oidc;

/// <summary>What happened to the users, and a way to wait until enough has.</summary>
internal sealed class OidcCount
{
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly List<(int Rounds, TaskCompletionSource Reached)> _waiting = [];
    private int _rounds;
    private int _flows;
    private int _requests;
    private int _interrupted;
    private int _repeated;
    private int _serverErrors;

    /// <summary>A flow is a log-in, a renewal, a refresh, a call with a token, a revocation or a log-out.</summary>
    public int Flows => _flows;

    public int Requests => _requests;

    /// <summary>Flows that failed because the answer of a request was lost with the killed replica.</summary>
    public int Interrupted => _interrupted;

    /// <summary>Requests sent again because their connection broke when a replica was killed.</summary>
    public int Repeated => _repeated;

    /// <summary>Answers of 500 and above, whoever gave them.</summary>
    public int ServerErrors => _serverErrors;

    public IReadOnlyCollection<string> Failures => _failures;

    public void Flow() => Interlocked.Increment(ref _flows);

    public void Request() => Interlocked.Increment(ref _requests);

    public void Repeat() => Interlocked.Increment(ref _repeated);

    public void Interrupt() => Interlocked.Increment(ref _interrupted);

    public void ServerError() => Interlocked.Increment(ref _serverErrors);

    public void Fail(string message) => _failures.Enqueue(message);

    public void Round()
    {
        lock (_waiting)
        {
            _rounds++;
            foreach (var (_, reached) in _waiting.Where(w => w.Rounds <= _rounds))
                reached.TrySetResult();
            _waiting.RemoveAll(w => w.Rounds <= _rounds);
        }
    }

    /// <summary>Ends when the users have done this many rounds more together.</summary>
    public Task RoundsAsync(int more)
    {
        lock (_waiting)
        {
            var rounds = _rounds + more;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((rounds, reached));
            return reached.Task;
        }
    }

    public override string ToString() =>
        $"{_flows} flows, {_requests} requests, {_failures.Count} flows failed, {_serverErrors} answers of 5xx, "
        + $"{_repeated} requests repeated, {_interrupted} flows interrupted";
}
