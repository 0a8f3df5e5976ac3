using System.Runtime.CompilerServices;
using IamGateway.Forwarding;
using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>The way of a request whose sessions are not known to be final: each is asked for in the store.</summary>
internal sealed partial class SessionRouter
{
    // A call that was slow says little of the next one; a store that is away fails the next one at once.
    private const int Attempts = 3;

    private async ValueTask AskAsync(GatewayRequest request, bool isHold)
    {
        var started = time.GetTimestamp();
        for (var attempt = 1; !await TryAskAsync(request, isHold, started); attempt++)
        {
            GiveBack(request);
            if (attempt == Attempts)
            {
                Refuse(request, RefusalCode.StoreUnavailable);
                break;
            }
        }

        request.StoreTime = time.GetElapsedTime(started);
    }

    /// <summary>Decides or refuses the request. False: the store did not answer, or what it said is outdated.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> TryAskAsync(GatewayRequest request, bool isHold, long started)
    {
        try
        {
            if (request.HandleCount > 1)
                await LinkUnknownAsync(request, Enter(request));
            var reached = 0;
            var stays = true;
            var decision = Decision.Final;
            var keys = Keys(request);
            for (var i = 0; i < keys.Length; i++)
            {
                var answer = await AskAsync(request, keys[i], reached, isHold, started);
                stays &= MayStay(request.View, answer.Reply);
                if (request.Refusal != RefusalCode.None)
                    break;
                if (answer.Reply.Outcome == ClaimOutcome.Ended)
                {
                    Strip(request, keys[i]);
                    continue;
                }

                decision = Rank(decision, answer.Reply.Outcome, answer.Forced);
                if (reached == 0)
                {
                    reached = answer.Reply.Pin;
                }
                else if (answer.Reply.Pin > reached)
                {
                    // The sessions before this one must come up to it: give back their leases and pass their barriers.
                    reached = answer.Reply.Pin;
                    GiveBack(request);
                    i = -1;
                }
            }

            if (!Conclude(request, reached, decision))
                return false;
            if (stays)
                Keep(request, started);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    /// <summary>
    /// Handles that come together name one session, unless the store knows better: a name without a record is pointed
    /// to a record that is there. A name that exists stays as it is, so that nothing known is ever merged.
    /// </summary>
    private async ValueTask LinkUnknownAsync(GatewayRequest request, RoutingView view)
    {
        if (Anchor(request, view) is not { } anchor)
            return;
        var known = anchor.Root;
        for (var i = 0; i < request.HandleCount && known is null; i++)
            known = (await store.FindAsync(request[i].Key))?.Root;
        known ??= anchor.First;
        for (var i = 0; i < request.HandleCount; i++)
        {
            var name = request[i].Key;
            if (name != known && !HasRoot(view, name))
                await store.LinkAsync(view.Terms, name, known.Value, LifetimeOf(request[i]));
        }
    }

    /// <summary>A record that is known here, if any, and the first name; null: there is nothing to link.</summary>
    private static (SessionKey? Root, SessionKey First)? Anchor(GatewayRequest request, RoutingView view)
    {
        SessionKey? root = null;
        var isUnknown = false;
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (view.Names.TryGet(request[i].Key, out var entry) && entry.Root is { } known)
                root ??= known;
            else
                isUnknown = true;
        }

        return isUnknown ? (root, request[0].Key) : null;
    }

    private static bool HasRoot(RoutingView view, SessionKey name) =>
        view.Names.TryGet(name, out var entry) && entry.Root is not null;

    /// <summary>Decides the request by what was asked. False: it must be asked again.</summary>
    private bool Conclude(GatewayRequest request, int reached, Decision decision)
    {
        if (request.Refusal != RefusalCode.None)
        {
            GiveBack(request);
            return true;
        }

        // A lease of the generation before does not count any more, and who acknowledges the present one has not seen
        // this request.
        if (request.Leased is { Count: > 0 } && request.LeasedIn != request.View.Terms.Generation)
            return false;

        if (request.Stripped is { } stripped)
        {
            request.RemoveHandles(stripped);
            if (request.HandleCount == 0)
            {
                request.Root = null;
                // Without a handle there is nothing to ask the store for.
                DecideNew(request, Enter(request));
                return true;
            }
        }

        Send(request, request.View, reached, decision);
        if (request.Refusal != RefusalCode.None)
            GiveBack(request);
        return true;
    }

    /// <summary>The session stays where it is for as long as the state does, and nobody waits for it.</summary>
    private static bool MayStay(RoutingView view, ClaimReply reply) =>
        reply is { Outcome: ClaimOutcome.Leased, IsAwaited: false } && reply.Bucket >= view.StayFrom(reply.Pin);

    // The lease of a request of one session may serve the next ones, too.
    private void Keep(GatewayRequest request, long askedAt)
    {
        lock (request)
        {
            if (request is { Ordinal: not 0, Leased: [var root] }
                && leases.Keep(request.View, root, request.LeaseOf(replica.Id), request.Ordinal, askedAt)
                    is { } lease)
                request.Share(lease);
        }
    }

    private static Decision Rank(Decision sofar, ClaimOutcome outcome, bool forced)
    {
        var decision = outcome switch
        {
            ClaimOutcome.Leased => Decision.Pinned,
            ClaimOutcome.Raised => forced ? Decision.ForcedUp : Decision.Migrated,
            ClaimOutcome.Unknown or ClaimOutcome.Full => Decision.Unknown,
            _ => Decision.Final,
        };
        return sofar is Decision.Final ? decision : sofar;
    }

    private static SessionKey[] Keys(GatewayRequest request)
    {
        var keys = new SessionKey[request.HandleCount];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = request[i].Key;
        // In the same order everywhere, so that two requests of the same sessions never wait for each other.
        Array.Sort(keys);
        return keys;
    }

    private async ValueTask<(ClaimReply Reply, bool Forced)> AskAsync(
        GatewayRequest request, SessionKey name, int reach, bool isHold, long started)
    {
        var root = name;
        var hops = 0;
        while (true)
        {
            // The state may have changed while this request waited.
            var view = Enter(request);
            if (hops == 0)
                root = RootOf(view, name);
            var older = view.Older;
            var usableNewest = request.Instances.Has(view.VersionOf(view.Newest));
            var forced = older != 0 && !view.IsClosing && !request.Instances.Has(view.VersionOf(older));
            var must = view.IsClosing || reach > older || forced && usableNewest;
            var lease = request.LeaseOf(replica.Id);
            var standing = leases.Standing(view, root);
            var reply = await ClaimAsync(
                request, view.Terms,
                new ClaimRequest(
                    root, lease, Draw(), must && older != 0, usableNewest || view.IsClosing, isHold,
                    (must || !leases.HasGroups ? leases.LetGo(root) : null) ?? request.FormerLease));
            if (IsAhead(view, reply))
            {
                // An instance was seen to serve it there already; nobody sends to a version that is not active.
                outbox.Add(new StoreWrite(StoreWriteKind.Release, root, Lease: lease));
                reply = new ClaimReply(ClaimOutcome.StaleView);
            }

            switch (reply.Outcome)
            {
                case ClaimOutcome.Alias:
                    if (++hops == MaxAliasHops)
                        throw new StoreUnavailableException("A chain of names does not end.");
                    root = reply.Target;
                    continue;
                case ClaimOutcome.Wait:
                    if (!await WaitAsync(request, started, must))
                    {
                        Refuse(request, RefusalCode.BarrierTimeout);
                        return default;
                    }

                    hops = 0;
                    continue;
                case ClaimOutcome.StaleView or ClaimOutcome.StaleGeneration:
                    if (!await replica.NewerAsync(view, Remaining(started)))
                    {
                        Refuse(request, RefusalCode.StoreUnavailable);
                        return default;
                    }

                    hops = 0;
                    continue;
            }

            Learn(request, view, name, root, reply, standing);
            return (reply, forced);
        }
    }

    private static bool IsAhead(RoutingView view, ClaimReply reply) =>
        view.State.Phase == RoutingPhase.Prepare && reply.Outcome == ClaimOutcome.Leased && reply.Pin > view.Newest;

    private async ValueTask<ClaimReply> ClaimAsync(GatewayRequest request, ClaimTerms terms, ClaimRequest claim)
    {
        try
        {
            return await store.ClaimAsync(terms, claim);
        }
        catch (StoreUnavailableException)
        {
            // It may have been carried out after all.
            lock (request)
                request.MayLease(claim.Key);
            throw;
        }
    }

    private TimeSpan Remaining(long started)
    {
        var left = settings.Options.Migration.MaxWait - time.GetElapsedTime(started);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private async ValueTask<bool> WaitAsync(GatewayRequest request, long started, bool must)
    {
        // A session that may stay is let through by the store when its hold expires; the slack is for clocks that
        // differ.
        if (Remaining(started) == TimeSpan.Zero
            && (must || time.GetElapsedTime(started) > 2 * settings.Options.Migration.MaxWait))
        {
            metrics.Barrier("timeout");
            return false;
        }

        if (request.BarrierTime == TimeSpan.Zero)
            metrics.Barrier("waited");
        await Task.Delay(WaitStep, time);
        request.BarrierTime = time.GetElapsedTime(started);
        return true;
    }

    private void Learn(
        GatewayRequest request, RoutingView view, SessionKey name, SessionKey root, ClaimReply reply, int standing)
    {
        request.Root ??= root;
        var final = reply.Outcome != ClaimOutcome.Leased && view.Final == reply.Pin ? view.Final : 0;
        switch (reply.Outcome)
        {
            case ClaimOutcome.Leased:
                lock (request)
                    request.AddLease(root, view.Terms.Generation);
                break;
            case ClaimOutcome.Raised:
                metrics.Migrated(view.VersionOf(view.Older), view.VersionOf(reply.Pin), request.BarrierTime);
                break;
            case ClaimOutcome.Ended:
                return;
        }

        view.Names.TryGet(name, out var known);
        if (reply.Outcome == ClaimOutcome.Unknown && known.ExtendedAt == 0)
        {
            // Its handle may be invented: only one that is used again after a while is kept for long.
            view.Names.Set(name, new NameCache.Entry(root, final, ExtendedBefore(view.Terms)));
            return;
        }

        // The claim has written the record, which extends it.
        var isExtended = name == root && reply.Outcome is (ClaimOutcome.Leased or ClaimOutcome.Raised);
        var stays = reply.Pin == view.Leased && MayStay(view, reply);
        view.Names.Set(
            name,
            new NameCache.Entry(
                root, final, isExtended ? time.GetTimestamp() : known.ExtendedAt, stays ? standing : 0));
        if (stays && standing == 0)
            leases.Want(root);
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (request[i].Key == name)
                Extend(view, request[i], 0, Known(view, name));
        }
    }

    /// <summary>
    /// The time of an extension that makes the next one due while the record of an unknown one lives.
    /// </summary>
    private long ExtendedBefore(ClaimTerms terms)
    {
        var ago = terms.SessionTtl / 4 - terms.UnknownTtl / 2;
        return time.GetTimestamp() - (long)(Math.Max(ago.TotalSeconds, 0) * time.TimestampFrequency);
    }
}
