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
internal sealed class SessionRouter(
    Replica replica, IPinStore store, StoreOutbox outbox, GatewaySettings settings, GatewayMetrics metrics,
    TimeProvider time, Random chance)
{
    /// <summary>Rotations chain names; longer chains are cut by pointing to the record itself.</summary>
    public const int MaxAliasHops = 16;

    private static readonly TimeSpan WaitStep = TimeSpan.FromMilliseconds(10);
    private readonly long _extendAfter =
        (long)(settings.Options.Store.SessionTtl.TotalSeconds / 4 * TimeProvider.System.TimestampFrequency);

    public ValueTask DecideAsync(GatewayRequest request, bool isStateless, bool isHold)
    {
        var view = Enter(request);
        if (isStateless)
        {
            Send(request, view, ByWeight(request, view, Draw()), Decision.Stateless);
            return ValueTask.CompletedTask;
        }

        if (request.HandleCount > 0 && view.Ended.Count > 0)
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

        if (!view.IsStrict)
        {
            for (var i = 0; i < request.HandleCount; i++)
                Extend(view, request[i].Key, view.State.Phase == RoutingPhase.Steady ? view.Newest : 0);
            Send(request, view, view.Newest, Decision.Final);
            return ValueTask.CompletedTask;
        }

        if (AllFinal(request, view))
        {
            view.Names.TryGet(request[0].Key, out var remembered);
            Send(request, view, remembered.Final, Decision.Final);
            return ValueTask.CompletedTask;
        }

        return AskAsync(request, isHold);
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
        Send(request, view, ByWeight(request, view, request.Bucket), Decision.New);
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
                if (view.Ended.Contains(name)
                    || await store.FindAsync(name) is { } record && view.Ended.Contains(record.Root))
                    (request.Stripped ??= []).Add(request[i]);
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

    private static int ByWeight(GatewayRequest request, RoutingView view, int bucket)
    {
        var target = bucket < view.NewCut || view.IsClosing ? view.Newest : view.Older;
        if (request.Instances.Has(view.VersionOf(target)) || view.Older == 0)
            return target;
        // A version without a usable instance is no target; the other one is as good for a session that is new.
        var other = target == view.Newest ? view.Older : view.Newest;
        return other == view.Older && view.IsClosing ? target : other;
    }

    private bool AllFinal(GatewayRequest request, RoutingView view)
    {
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (!view.Names.TryGet(request[i].Key, out var entry) || entry.Final == 0
                || entry.Final != view.Final
                    && !(entry.Final != 0 && settings.Options.TestOnly.IsOff(ProtocolRule.StaleFinal)))
                return false;
        }

        for (var i = 0; i < request.HandleCount; i++)
            Extend(view, request[i].Key, 0);
        request.Root = view.Names.TryGet(request[0].Key, out var first) ? first.Root : null;
        return true;
    }

    /// <summary>
    /// Now and then, and behind the request: entries that exist for a handle live on while it is used.
    /// </summary>
    private void Extend(RoutingView view, SessionKey name, int stamp)
    {
        var now = time.GetTimestamp();
        var seen = view.Names.TryGet(name, out var entry);
        if (seen && now - entry.ExtendedAt < _extendAfter)
            return;
        view.Names.Set(name, entry with { ExtendedAt = now });
        outbox.Add(new StoreWrite(StoreWriteKind.Refresh, name, Ordinal: stamp));
    }

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

    private async ValueTask AskAsync(GatewayRequest request, bool isHold)
    {
        var started = time.GetTimestamp();
        var lease = new LeaseId(replica.Id, request.Number);
        try
        {
            var reached = 0;
            var forced = false;
            var decision = Decision.Final;
            var keys = Keys(request);
            for (var i = 0; i < keys.Length; i++)
            {
                var answer = await AskAsync(request, keys[i], lease, reached, isHold, started);
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

                forced |= answer.Forced;
            }

            Conclude(request, reached, decision);
        }
        catch (StoreUnavailableException)
        {
            GiveBack(request);
            Refuse(request, RefusalCode.StoreUnavailable);
        }
        finally
        {
            request.StoreTime = time.GetElapsedTime(started);
        }
    }

    private void Conclude(GatewayRequest request, int reached, Decision decision)
    {
        if (request.Refusal != RefusalCode.None)
        {
            GiveBack(request);
            return;
        }

        // A lease of the generation before does not count any more, and who acknowledges the present one has not seen
        // this request.
        if (request.Leased is { Count: > 0 } && request.LeasedIn != request.View.Terms.Generation)
        {
            GiveBack(request);
            Refuse(request, RefusalCode.StoreUnavailable);
            return;
        }

        if (request.Stripped is { } stripped)
        {
            request.RemoveHandles(stripped);
            if (request.HandleCount == 0)
            {
                request.Root = null;
                // Without a handle there is nothing to ask the store for.
                DecideNew(request, Enter(request));
                return;
            }
        }

        Send(request, request.View, reached, decision);
        if (request.Refusal != RefusalCode.None)
            GiveBack(request);
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
        GatewayRequest request, SessionKey name, LeaseId lease, int reach, bool isHold, long started)
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
            var reply = await ClaimAsync(
                view.Terms, new ClaimRequest(root, lease, Draw(), must && older != 0, usableNewest || view.IsClosing, isHold));
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

            Learn(request, view, name, root, reply);
            return (reply, forced);
        }
    }

    private async ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request)
    {
        try
        {
            return await store.ClaimAsync(terms, request);
        }
        catch (StoreUnavailableException)
        {
            // It may have been carried out after all.
            outbox.Add(new StoreWrite(StoreWriteKind.Release, request.Key, Lease: request.Lease));
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

    private void Learn(GatewayRequest request, RoutingView view, SessionKey name, SessionKey root, ClaimReply reply)
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
        view.Names.Set(name, new NameCache.Entry(root, final, known.ExtendedAt));
        Extend(view, name, 0);
    }

    private static SessionKey RootOf(RoutingView view, SessionKey name) =>
        view.Names.TryGet(name, out var entry) && entry.Root is { } root ? root : name;

    private static void Strip(GatewayRequest request, SessionKey name)
    {
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (request[i].Key == name)
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
                outbox.Add(
                    new StoreWrite(StoreWriteKind.Release, root, Lease: new LeaseId(replica.Id, request.Number)));
            request.Leased?.Clear();
            request.LeasedIn = null;
        }
    }
}
