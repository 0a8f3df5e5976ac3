using System.Collections.Concurrent;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// The leases that this replica keeps for the next requests of their sessions. Kept are only those of sessions that
/// stay where they are, under one view, and while the store is asked often: where it is not, asking costs nothing, and
/// a session whose replica dies has to wait for its leases. A lease is kept for a short time, and for another one when
/// it was used lately and the store, asked for many at once behind the requests, still holds it and nobody waits for
/// its end. Where the store has groups of sessions, leases of those are kept instead.
/// </summary>
internal sealed partial class SharedLeases : BackgroundService
{
    private const int ManyClaims = 20;
    private const int MaxBatch = 250;

    // To ask for a lease with many others costs a twentieth of what it costs a request to ask.
    private const int UnusedTimes = 2;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);
    private readonly ConcurrentDictionary<SessionKey, SharedLease> _kept = new();
    private readonly ConcurrentQueue<SharedLease> _byAge = new();
    private readonly Queue<(SharedLease Lease, long Mark)> _over = new();
    private readonly WakeUp _wake = new();
    private readonly IPinStore _store;
    private readonly StoreOutbox _outbox;
    private readonly Replica _replica;
    private readonly InFlight _inFlight;
    private readonly TestOnlyOptions _testOnly;
    private readonly TimeProvider _time;
    private volatile bool _hasEnded;
    private long _countedSince;
    private int _claims;
    private bool _isBusy;

    public SharedLeases(
        IPinStore store, StoreOutbox outbox, Replica replica, InFlight inFlight, GatewaySettings settings,
        TimeProvider time)
    {
        _inFlight = inFlight;
        HasGroups = store.HasGroups;
        (_store, _outbox, _replica, _testOnly, _time) = (store, outbox, replica, settings.Options.TestOnly, time);
        KeptFor = settings.Options.TestOnly.LeasesKeptFor ?? TimeFor(settings.Options.Migration.MaxWait);
        _countedSince = time.GetTimestamp();
        replica.Adopted += _wake.Call;
    }

    /// <summary>How long a lease is kept after the store was asked; zero: none is.</summary>
    public TimeSpan KeptFor { get; }

    /// <summary>Who must move the session and comes through another replica waits for MaxWait at the most.</summary>
    internal static TimeSpan TimeFor(TimeSpan maxWait) => maxWait / 2 < Longest ? maxWait / 2 : Longest;

    /// <summary>
    /// Puts a request under the lease of its session. False: there is none to share, and the store is to be asked.
    /// </summary>
    public bool TryEnter(RoutingView view, SessionKey root, out SharedLease lease) =>
        _kept.TryGetValue(root, out lease!) && IsUsable(lease, view) && lease.TryEnter();

    private bool IsUsable(SharedLease lease, RoutingView view) =>
        (ReferenceEquals(lease.View, view) || _testOnly.IsOff(ProtocolRule.SharedLease))
        && (_testOnly.LeasesKeptFor is not null || _store.IsAnswering) && !IsOld(lease);

    private bool IsOld(SharedLease lease) => _time.GetElapsedTime(lease.SeenAt) >= KeptFor;

    // Early enough for the answer to come before it is old.
    private bool IsDue(SharedLease lease) => _time.GetElapsedTime(lease.SeenAt) >= KeptFor * 3 / 4;

    /// <summary>
    /// Before a session is asked for: its lease is let go, and if nothing is under it, the claim is to name it as the
    /// former one.
    /// </summary>
    public LeaseId? LetGo(SessionKey root)
    {
        if (HasGroups)
            LetGoGroup(root);
        if (!_kept.TryGetValue(root, out var lease))
            return null;
        GiveBack(lease);
        return lease.IsOver ? lease.Id : null;
    }

    /// <summary>Keeps a lease that a request holds, if that is worth it; null: it is the request's own.</summary>
    public SharedLease? Keep(RoutingView view, SessionKey root, LeaseId id, int ordinal, long askedAt)
    {
        if (HasGroups || _hasEnded || KeptFor == TimeSpan.Zero || !IsBusy() || !ReferenceEquals(view, _replica.View))
            return null;
        var lease = new SharedLease(view, root, id, ordinal, askedAt);
        if (_kept.TryGetValue(root, out var former) && !former.IsOver || !Set(root, former, lease))
            return null;
        _byAge.Enqueue(lease);
        return lease;
    }

    private bool Set(SessionKey root, SharedLease? former, SharedLease lease) =>
        former is null ? _kept.TryAdd(root, lease) : _kept.TryUpdate(root, lease, former);

    /// <summary>A request under the lease has ended.</summary>
    public void Leave(SharedLease lease)
    {
        if (lease.Leave())
            Release(lease);
    }

    private void GiveBack(SharedLease lease)
    {
        if (lease.LetGo())
            Release(lease);
    }

    private void Release(SharedLease lease) => _outbox.Add(new StoreWrite(
        lease.Group == 0 ? StoreWriteKind.Release : StoreWriteKind.ReleaseGroup, lease.Root, Lease: lease.Id));

    // Claims are counted roughly: what is lost between threads does not matter.
    private bool IsBusy()
    {
        if (_testOnly.LeasesKeptFor is not null)
            return true;
        var elapsed = _time.GetElapsedTime(_countedSince);
        if (elapsed >= Step)
        {
            _isBusy = _claims >= ManyClaims && elapsed < 2 * Step;
            _claims = 0;
            _countedSince = _time.GetTimestamp();
        }

        return ++_claims >= ManyClaims || _isBusy;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync(Step, stoppingToken);
                await LookThroughAsync();
                await LookThroughGroupsAsync();
                // Until their release is in the store a claim names them.
                while (_over.TryPeek(out var next) && _outbox.IsThrough(next.Mark))
                    _kept.TryRemove(KeyValuePair.Create(next.Lease.Root, _over.Dequeue().Lease));
            }
        }
        catch (OperationCanceledException)
        {
            // The registration may go on counting after this process, for what instances are still working on.
            _hasEnded = true;
            while (_byAge.TryDequeue(out var lease))
                GiveBack(lease);
            await LeaveGroupsAsync();
        }
    }

    private async Task LookThroughAsync()
    {
        var view = _replica.View;
        List<SharedLease> used = [];
        while (_byAge.TryPeek(out var lease)
            && (IsDue(lease)
                || !ReferenceEquals(lease.View, view) && !_testOnly.IsOff(ProtocolRule.SharedLease)))
        {
            _byAge.TryDequeue(out _);
            if (lease.WasUsed(UnusedTimes) && ReferenceEquals(lease.View, view))
                used.Add(lease);
            else
                End(lease);
        }

        foreach (var batch in used.Chunk(MaxBatch))
            await RenewAsync(view, batch);
    }

    private async Task RenewAsync(RoutingView view, SharedLease[] leases)
    {
        var askedAt = _time.GetTimestamp();
        var areHeld = new bool[leases.Length];
        try
        {
            areHeld = await _store.AreHeldAsync(
                view.Terms, Array.ConvertAll(leases, l => new HeldLease(l.Root, l.Id, l.Ordinal)));
        }
        catch (StoreUnavailableException)
        {
            // Then each request asks by itself, and hears so.
        }

        for (var i = 0; i < leases.Length; i++)
        {
            if (!areHeld[i])
            {
                End(leases[i]);
                continue;
            }

            leases[i].SeenAt = askedAt;
            _byAge.Enqueue(leases[i]);
            // A request asks for it no more, and it goes on being worth it for that very reason.
            _claims++;
        }
    }

    private void End(SharedLease lease)
    {
        GiveBack(lease);
        _over.Enqueue((lease, _outbox.Mark()));
    }

    public override void Dispose()
    {
        _replica.Adopted -= _wake.Call;
        _wake.Dispose();
        base.Dispose();
    }
}
