using System.Collections.Concurrent;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Drains;

/// <summary>
/// What all replicas together have at work at the instances, and whether a draining one is free. A replica counts as
/// done with it by a report that it made under that drain: nothing new goes there from it afterwards. Where sessions
/// live on an instance, it is free when none is left there.
/// </summary>
internal sealed class DrainWatch : IDisposable
{
    private readonly Replica _replica;
    private readonly InstanceTable _instances;
    private readonly ReplicaReports _reports;
    private readonly SessionCensus _census;
    private readonly OpenConnections _connections;
    private readonly TimeProvider _time;
    private readonly bool _hasPlaces;
    private readonly ConcurrentDictionary<(string Id, long DrainedAt), DrainCourse> _courses = new();
    private TaskCompletionSource _news = NewSource();

    public DrainWatch(
        Replica replica, InstanceTable instances, ReplicaReports reports, SessionCensus census,
        OpenConnections connections, GatewaySettings settings, TimeProvider time)
    {
        (_replica, _instances, _reports, _census) = (replica, instances, reports, census);
        (_connections, _time) = (connections, time);
        _hasPlaces = settings.Options.Affinity == SessionAffinity.Instance;
        reports.Exchanged += Look;
    }

    /// <summary>Requests in flight at an instance, over all replicas that are heard of.</summary>
    public int InFlight(string id) => Reports().Sum(r => Of(r.Instances, id)?.InFlight ?? 0);

    /// <summary>Sessions that live on an instance; null: on no particular one, or not counted yet.</summary>
    public long? Sessions(string id) => _census.Places?.Of(id);

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
        var (isEmpty, end) = (false, (DateTimeOffset?)null);
        if (_courses.TryGetValue((id, drainedAt), out var course))
        {
            lock (course)
                (isEmpty, end) = (course.IsEmpty, course.EstimatedEnd);
        }

        return new DrainStatus(
            inFlight, connections, Sessions(id), isEmpty || !_hasPlaces, names, names.Length == 0 ? end : null);
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
        foreach (var (id, drainedAt) in _courses.Keys)
        {
            if (state.DrainOf(id) != drainedAt)
                _courses.TryRemove((id, drainedAt), out _);
        }

        foreach (var id in _instances.All.Where(i => i.Draining).Select(i => i.Id))
        {
            if (state.DrainOf(id) is not { } drainedAt)
                continue;
            var status = Of(id, drainedAt);
            var course = _courses.GetOrAdd((id, drainedAt), _ => new DrainCourse(_time));
            bool isLeft;
            lock (course)
            {
                course.Note(status, _census.Places, id);
                isLeft = course.IsLeft;
            }

            // What is open there belongs to no session any more.
            if (isLeft)
                _connections.CloseTo(id);
        }

        Interlocked.Exchange(ref _news, NewSource()).TrySetResult();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose() => _reports.Exchanged -= Look;
}
