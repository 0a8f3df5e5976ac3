using System.Collections.Concurrent;
using IamGateway.Instances;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Drains;

/// <summary>
/// What all replicas together have at work at the instances, and whether a draining one is free. A replica counts as
/// done with it by a report that it made under that drain: nothing can go there from it afterwards.
/// </summary>
internal sealed class DrainWatch : IDisposable
{
    private readonly Replica _replica;
    private readonly InstanceTable _instances;
    private readonly ReplicaReports _reports;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<(string Id, long DrainedAt), Pace> _paces = new();
    private TaskCompletionSource _news = NewSource();

    public DrainWatch(Replica replica, InstanceTable instances, ReplicaReports reports, TimeProvider time)
    {
        (_replica, _instances, _reports, _time) = (replica, instances, reports, time);
        reports.Exchanged += Look;
    }

    /// <summary>Requests in flight at an instance, over all replicas that are heard of.</summary>
    public int InFlight(string id) => Reports().Sum(r => Of(r.Instances, id)?.InFlight ?? 0);

    /// <summary>What is left on an instance; null: it is not draining.</summary>
    public DrainStatus? Of(string id) =>
        _replica.HasView && _replica.View.State.DrainOf(id) is { } drainedAt ? Of(id, drainedAt) : null;

    private DrainStatus Of(string id, long drainedAt)
    {
        var (inFlight, connections) = (0, 0);
        var waitingFor = _replica.View.State.Replicas.ToDictionary(r => r.Id, r => r.Name);
        foreach (var (replica, instances) in Reports())
        {
            if (Of(instances, id) is not { } report)
                continue;
            inFlight += report.InFlight;
            connections += report.Connections;
            if (report.DrainedAt == drainedAt)
                waitingFor.Remove(replica);
        }

        string[] names = [.. waitingFor.OrderBy(r => r.Key).Select(r => r.Value)];
        var pace = _paces.GetValueOrDefault((id, drainedAt));
        return new DrainStatus(inFlight, connections, names, names.Length == 0 ? End(pace) : null);
    }

    private static DateTimeOffset? End(Pace? pace)
    {
        if (pace is null)
            return null;
        lock (pace)
            return pace.End();
    }

    /// <summary>Waits until nothing is left on an instance, or it does not drain any more.</summary>
    public async Task WaitAsync(string id, TimeSpan patience, CancellationToken cancellation)
    {
        using var patient = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patient.Token, cancellation);
        while (true)
        {
            var news = Volatile.Read(ref _news).Task;
            if (Of(id) is null or { IsDone: true } || either.IsCancellationRequested)
                return;
            await news.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // This replica's own figures are those of this moment.
    private IEnumerable<(long Replica, IReadOnlyList<InstanceReport> Instances)> Reports() =>
        _reports.Latest.Where(r => r.Replica != _replica.Id).Select(r => (r.Replica, r.Instances))
            .Prepend((_replica.Id, _reports.CountInstances()));

    private static InstanceReport? Of(IReadOnlyList<InstanceReport> reports, string id) =>
        reports.FirstOrDefault(r => r.Id.Equals(id, StringComparison.OrdinalIgnoreCase));

    private void Look()
    {
        if (!_replica.HasView)
            return;
        var state = _replica.View.State;
        foreach (var (id, drainedAt) in _paces.Keys)
        {
            if (state.DrainOf(id) != drainedAt)
                _paces.TryRemove((id, drainedAt), out _);
        }

        foreach (var instance in _instances.All.Where(i => i.Draining))
        {
            if (state.DrainOf(instance.Id) is not { } drainedAt || Of(instance.Id, drainedAt) is not { } status
                || status.WaitingFor.Count > 0)
                continue;
            var pace = _paces.GetOrAdd((instance.Id, drainedAt), _ => new Pace(_time));
            lock (pace)
                pace.Note(status.InFlight);
        }

        Interlocked.Exchange(ref _news, NewSource()).TrySetResult();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose() => _reports.Exchanged -= Look;
}
