using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// Chooses the version of a request. In the steady state that is the only one; else a session's pin is final and
/// remembered, or the store is asked, which answers with a lease, a raise, or the wish to wait.
/// </summary>
internal sealed partial class SessionRouter(
    Replica replica, IPinStore store, StoreOutbox outbox, SharedLeases leases, GatewaySettings settings,
    GatewayMetrics metrics, TimeProvider time, Random chance)
{
    /// <summary>Rotations chain names; longer chains are cut by pointing to the record itself.</summary>
    public const int MaxAliasHops = 16;

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan WaitStep = TimeSpan.FromMilliseconds(10);

    public ValueTask DecideAsync(GatewayRequest request, bool isStateless, bool isHold)
    {
        var view = Enter(request);
        if (isStateless)
        {
            Send(request, view, ByWeight(request, view, Draw()), Decision.Stateless);
            return ValueTask.CompletedTask;
        }

        if (view.Ended.Count > 0 && !AreNotEnded(request, view))
            return WithoutEndedAsync(request, view, isHold);
        return DecideAsync(request, view, isHold);
    }

    private ValueTask DecideAsync(GatewayRequest request, RoutingView view, bool isHold)
    {
        if (request.HandleCount == 0)
        {
            DecideNew(request, view);
            return ValueTask.CompletedTask;
        }

        var known = Known(view, request[0].Key);
        if (!view.IsStrict)
        {
            QueueLinks(request, view);
            Extend(view, request, view.State.Phase == RoutingPhase.Steady ? view.Newest : 0, known);
            Send(request, view, view.Newest, Decision.Final);
            return ValueTask.CompletedTask;
        }

        if (known is { } first && AreFinal(request, view, first))
        {
            Send(request, view, first.Final, Decision.Final);
            return ValueTask.CompletedTask;
        }

        return TryStay(request, view, known) ? ValueTask.CompletedTask : AskAsync(request, isHold);
    }

    private bool TryStay(GatewayRequest request, RoutingView view, NameCache.Entry? known) => leases.HasGroups
        ? known is { Root: { } root, StaysUnder: not 0 } first && TryStay(request, view, first, root)
        : TryShareLease(request, view, known);

    /// <summary>
    /// The store has said that its one session stays, and the lease of the group is held as it was then. A name that is
    /// to be extended is asked for: it may be gone from the store.
    /// </summary>
    private bool TryStay(GatewayRequest request, RoutingView view, NameCache.Entry first, SessionKey root)
    {
        if (IsDue(request[0], first))
            return false;
        for (var i = 1; i < request.HandleCount; i++)
        {
            if (Known(view, request[i].Key) is not { } known || known.Root != root || IsDue(request[i], known))
                return false;
        }

        return leases.TryEnterGroup(view, root, first.StaysUnder, out var lease)
            && TrySendUnder(request, view, root, lease);
    }

    /// <summary>
    /// Another request of its one session has lately asked, and the lease is kept: until it is given back nobody raises
    /// the pin.
    /// </summary>
    private bool TryShareLease(GatewayRequest request, RoutingView view, NameCache.Entry? first)
    {
        var root = first?.Root ?? request[0].Key;
        for (var i = 1; i < request.HandleCount; i++)
        {
            if (RootOf(view, request[i].Key) != root)
                return false;
        }

        if (!leases.TryEnter(view, root, out var lease) || !TrySendUnder(request, view, root, lease))
            return false;
        Extend(view, request, 0, first);
        return true;
    }

    /// <summary>Sends a request under a lease that it has entered; false: it has left it again.</summary>
    private bool TrySendUnder(GatewayRequest request, RoutingView view, SessionKey root, SharedLease lease)
    {
        if (!request.Instances.Has(view.VersionOf(lease.Ordinal)))
        {
            leases.Leave(lease);
            return false;
        }

        lock (request)
        {
            request.Share(lease);
            request.Root = root;
        }

        Send(request, view, lease.Ordinal, Decision.Pinned);
        return true;
    }

    /// <summary>
    /// Once a name, and behind the request: it is pointed to the record of the session that it comes with, unless it
    /// exists. What the store makes of it is not known here, so nothing of it is remembered.
    /// </summary>
    private void QueueLinks(GatewayRequest request, RoutingView view)
    {
        if (request.HandleCount < 2 || Anchor(request, view) is not { Root: { } root })
            return;
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (!view.Names.TryGet(request[i].Key, out _))
                outbox.Add(new StoreWrite(
                    StoreWriteKind.Link, request[i].Key, Target: root, Lifetime: LifetimeOf(request[i])));
        }
    }

    /// <summary>
    /// Takes the view to decide under. Either the replica, having published a later one, sees this request under its
    /// view, or this request sees the later one: each writes first and then reads.
    /// </summary>
    private RoutingView Enter(GatewayRequest request)
    {
        while (true)
        {
            var view = replica.View;
            request.View = view;
            Interlocked.MemoryBarrier();
            if (ReferenceEquals(view, replica.View))
                return view;
        }
    }

    private int Draw()
    {
        lock (chance)
            return chance.Next(10_000);
    }

    private void DecideNew(GatewayRequest request, RoutingView view)
    {
        request.Bucket = Draw();
        if (request.WitnessedAt != 0 && request.WitnessedAt == view.Final)
            Send(request, view, view.Final, Decision.Final);
        else
            Send(request, view, ByWeight(request, view, request.Bucket), Decision.New);
    }

    private bool AreNotEnded(GatewayRequest request, RoutingView view)
    {
        for (var i = 0; i < request.HandleCount; i++)
        {
            // A name that the store does not know may be one that another replica has still queued: it is looked up
            // again.
            if (!view.NotEnded.TryGet(request[i].Key, out var looked)
                || looked.Root is null && time.GetElapsedTime(looked.ExtendedAt) > LookAgain)
                return false;
        }

        return true;
    }

    /// <summary>
    /// Sessions that an operator has ended are taken out of the request; which those are may take a look at the store.
    /// </summary>
    private async ValueTask WithoutEndedAsync(GatewayRequest request, RoutingView view, bool isHold)
    {
        for (var i = 0; i < request.HandleCount; i++)
        {
            try
            {
                var name = request[i].Key;
                var root = await RecordOfAsync(view, name);
                if (view.Ended.Contains(root))
                    (request.Stripped ??= []).Add(request[i]);
                else
                    view.NotEnded.Set(name, new NameCache.Entry(root == name ? null : root, 0, time.GetTimestamp()));
            }
            catch (StoreUnavailableException)
            {
                // Where this session stands is decided below; that it was ended cannot be seen now.
            }
        }

        if (request.Stripped is { } stripped)
            request.RemoveHandles(stripped);
        await DecideAsync(request, Enter(request), isHold);
    }

    /// <summary>
    /// The record that a name leads to, as the store knows it unless what is remembered here was ended already.
    /// </summary>
    public async ValueTask<SessionKey> RecordOfAsync(RoutingView view, SessionKey name)
    {
        var root = RootOf(view, name);
        return !view.Ended.Contains(root) && await store.FindAsync(name) is { } record ? record.Root : root;
    }

    private static int ByWeight(GatewayRequest request, RoutingView view, int bucket)
    {
        var target = bucket < view.NewCut || view.IsClosing ? view.Newest : view.Older;
        if (request.Instances.Has(view.VersionOf(target)) || view.Older == 0)
            return target;
        // A version without a usable instance is no target; the other one is as good for a session that is new.
        var other = target == view.Newest ? view.Older : view.Newest;
        return other == view.Older && view.IsClosing ? target : other;
    }

    private bool AreFinal(GatewayRequest request, RoutingView view, NameCache.Entry first)
    {
        if (!IsFinal(view, first))
            return false;
        for (var i = 1; i < request.HandleCount; i++)
        {
            if (!view.Names.TryGet(request[i].Key, out var entry) || !IsFinal(view, entry))
                return false;
        }

        Extend(view, request, 0, first);
        request.Root = first.Root;
        return true;
    }

    private bool IsFinal(RoutingView view, NameCache.Entry entry) =>
        entry.Final != 0
        && (entry.Final == view.Final || settings.Options.TestOnly.IsOff(ProtocolRule.StaleFinal));

    private void Extend(RoutingView view, GatewayRequest request, int stamp, NameCache.Entry? first)
    {
        Extend(view, request[0], stamp, first);
        for (var i = 1; i < request.HandleCount; i++)
            Extend(view, request[i], stamp, Known(view, request[i].Key));
    }

    /// <summary>
    /// Now and then, and behind the request: entries that exist for a handle live on while it is used.
    /// </summary>
    private void Extend(RoutingView view, Handle handle, int stamp, NameCache.Entry? known)
    {
        if (known is { } entry && !IsDue(handle, entry))
            return;
        view.Names.Set(
            handle.Key, known.GetValueOrDefault() with { ExtendedAt = time.GetTimestamp(), StaysUnder = 0 });
        outbox.Add(new StoreWrite(StoreWriteKind.Refresh, handle.Key, Ordinal: stamp, Lifetime: LifetimeOf(handle)));
    }

    private bool IsDue(Handle handle, NameCache.Entry known) =>
        known.ExtendedAt == 0
        || time.GetElapsedTime(known.ExtendedAt) >= (LifetimeOf(handle) ?? settings.Options.Store.SessionTtl) / 4;

    private static NameCache.Entry? Known(RoutingView view, SessionKey name) =>
        view.Names.TryGet(name, out var entry) ? entry : null;

    private TimeSpan? LifetimeOf(Handle handle) => settings.Sessions.All[handle.Rule].Lifetime;

    private static void Send(GatewayRequest request, RoutingView view, int ordinal, Decision decision)
    {
        var version = view.VersionOf(ordinal);
        if (!request.Instances.Has(version))
        {
            Refuse(request, RefusalCode.NoInstance);
            return;
        }

        request.Version = version;
        request.Decision = decision;
        request.Ordinal = ordinal;
    }

    public static void Refuse(GatewayRequest request, RefusalCode code)
    {
        request.Refusal = code;
        request.Decision = Decision.Refused;
        request.IsOut = true;
    }

    private static SessionKey RootOf(RoutingView view, SessionKey name) =>
        Known(view, name)?.Root ?? name;

    private static void Strip(GatewayRequest request, SessionKey name)
    {
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (request[i].Key == name && request.Stripped?.Contains(request[i]) != true)
                (request.Stripped ??= []).Add(request[i]);
        }
    }

    /// <summary>
    /// Queues the release of every lease of a request; nothing is leased for it any more until it is decided anew.
    /// </summary>
    public void GiveBack(GatewayRequest request)
    {
        lock (request)
        {
            foreach (var root in request.Leased ?? [])
                outbox.Add(new StoreWrite(StoreWriteKind.Release, root, Lease: request.LeaseOf(replica.Id)));
            request.RenameLease(replica.Id);
            request.Leased?.Clear();
            request.LeasedIn = null;
            if (request.TakeShared() is { } lease)
                leases.Leave(lease);
        }
    }
}
