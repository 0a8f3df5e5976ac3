using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// Leases of groups. A session of which the store has said, while this replica held its group's lease, that it stays
/// below, does so until that very lease is given back: nobody raises it meanwhile. So its requests do not ask, however
/// many sessions there are. A lease covers the sessions that stay by the weights of its view. When the view changes or
/// somebody waits for the lease it is let go; who is under it then, and does not end at once, gets a lease of its own.
/// </summary>
internal sealed partial class SharedLeases
{
    // A group that is lost costs each of its sessions a question, one that is kept a hundredth of one in each second.
    private const int UnusedTimesOfGroup = 20;
    private const int MaxMoved = 100;
    private readonly SharedLease?[] _groups = new SharedLease?[SessionKey.Groups];
    private readonly bool[] _isWanted = new bool[SessionKey.Groups];
    private readonly List<SharedLease> _leaving = [];
    private readonly Queue<SharedLease> _doubtful = [];
    private int _lastNumber;

    /// <summary>Groups are leased, and not sessions.</summary>
    public bool HasGroups { get; }

    /// <summary>
    /// The number of the lease that this replica holds on a session's group, or 0. What the store is asked from here on
    /// it answers with that lease in it.
    /// </summary>
    public int Standing(RoutingView view, SessionKey root) =>
        Volatile.Read(ref _groups[root.Group]) is { } lease && ReferenceEquals(lease.View, view) && lease.TryUse()
            ? lease.Group
            : 0;

    /// <summary>A session of the group stays where it is; it is worth a lease if such are asked for often.</summary>
    public void Want(SessionKey root)
    {
        if (HasGroups && IsBusy())
            _isWanted[root.Group] = true;
    }

    /// <summary>Puts a request under the group's lease of this number. False: it is not held any more.</summary>
    public bool TryEnterGroup(RoutingView view, SessionKey root, int number, out SharedLease lease)
    {
        lease = Volatile.Read(ref _groups[root.Group])!;
        return lease is not null && lease.Group == number && IsUsable(lease, view) && lease.TryEnter();
    }

    private void LetGoGroup(SessionKey root)
    {
        if (Volatile.Read(ref _groups[root.Group]) is { } lease)
            GiveBack(lease);
    }

    private async Task LeaveGroupsAsync()
    {
        for (var i = 0; i < _groups.Length; i++)
        {
            if (_groups[i] is not null)
                EndGroup(i);
        }

        await MoveOutAsync();
    }

    private async Task LookThroughGroupsAsync()
    {
        if (!HasGroups)
            return;
        while (_doubtful.TryPeek(out var lost) && IsOld(lost))
            Release(_doubtful.Dequeue());
        await MoveOutAsync();
        var view = _replica.View;
        var mayHold = MayHold(view);
        List<SharedLease> held = [];
        for (var i = 0; i < _groups.Length; i++)
        {
            if (_groups[i] is not { } lease)
            {
                if (mayHold && _isWanted[i])
                    held.Add(NewOf(view, i));
                _isWanted[i] = false;
            }
            else if (!lease.IsKept || !ReferenceEquals(lease.View, view) && !_testOnly.IsOff(ProtocolRule.SharedLease)
                || _time.GetElapsedTime(lease.TakenAt) >= view.Terms.SessionTtl / 4)
            {
                EndGroup(i);
            }
            else if (IsDue(lease))
            {
                if (lease.WasUsed(UnusedTimesOfGroup))
                    held.Add(lease);
                else
                    EndGroup(i);
            }
        }

        foreach (var batch in held.Chunk(MaxBatch))
            await HoldAsync(view, batch);
    }

    private bool MayHold(RoutingView view) =>
        !_hasEnded && KeptFor > TimeSpan.Zero && view is { IsStrict: true, IsClosing: false, Leased: not 0 }
        && view.Terms.GenerationAcknowledged
        && _replica.HasAcknowledgedGeneration(view);

    private SharedLease NewOf(RoutingView view, int group)
    {
        var number = ++_lastNumber;
        return new SharedLease(
            view, SessionKey.OfGroup(group), new LeaseId(_replica.Id, number, view.StayFrom(view.Leased)), view.Leased,
            _time.GetTimestamp(), number);
    }

    private async Task HoldAsync(RoutingView view, SharedLease[] leases)
    {
        var askedAt = _time.GetTimestamp();
        bool[]? areHeld = null;
        try
        {
            areHeld = await _store.HoldGroupsAsync(
                view.Terms, Array.ConvertAll(leases, l => new HeldGroup(l.Root, l.Id, !IsOurs(l))));
        }
        catch (StoreUnavailableException)
        {
            // Then each request asks by itself, and hears so.
        }

        for (var i = 0; i < leases.Length; i++)
        {
            if (areHeld?[i] == true)
            {
                leases[i].SeenAt = askedAt;
                Volatile.Write(ref _groups[leases[i].Root.Group], leases[i]);
                // Requests ask for their sessions no more, and it goes on being worth it for that very reason.
                _claims++;
            }
            else if (IsOurs(leases[i]))
            {
                EndGroup(leases[i].Root.Group);
            }
            else if (areHeld is null)
            {
                // The store may have taken it and not have said so, and may do so yet.
                GiveBack(leases[i]);
                _doubtful.Enqueue(leases[i]);
            }
        }
    }

    private bool IsOurs(SharedLease lease) => _groups[lease.Root.Group] == lease;

    private void EndGroup(int group)
    {
        var lease = _groups[group]!;
        Volatile.Write(ref _groups[group], null);
        GiveBack(lease);
        if (!lease.IsOver)
            _leaving.Add(lease);
    }

    /// <summary>Requests that go on under a lease which was let go get leases of their own, so that it ends.</summary>
    private async Task MoveOutAsync()
    {
        _leaving.RemoveAll(l => l.IsOver);
        if (_leaving.Count == 0)
            return;
        var view = _replica.View;
        // Those of an earlier generation the acknowledgement of the present one waits for.
        if (!_replica.HasAcknowledgedGeneration(view))
            return;
        var left = _leaving.Where(l => l.View.Terms.Generation == view.Terms.Generation).ToHashSet();
        foreach (var some in _inFlight.Snapshot().Where(r => r.Shared is { } l && left.Contains(l)).Chunk(MaxMoved))
            await Task.WhenAll(some.Select(r => MoveOutAsync(view, r)));
    }

    private async Task MoveOutAsync(RoutingView view, GatewayRequest request)
    {
        try
        {
            if (request.Shared is { } lease && await _replica.MoveOutAsync(view, request, lease))
                Leave(lease);
        }
        catch (StoreUnavailableException)
        {
            // It is tried again.
        }
    }
}
