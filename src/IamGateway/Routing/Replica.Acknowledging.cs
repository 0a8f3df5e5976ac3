using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Routing;

/// <summary>What a state asks of a replica before it may be acknowledged.</summary>
internal sealed partial class Replica
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);

    private async Task AcknowledgeAsync(CancellationToken stop)
    {
        var view = View;
        var entry = view.State.Replicas.FirstOrDefault(r => r.Id == Id);
        if (entry is null || entry.Acknowledged >= view.State.Revision)
            return;
        if (_fulfilled < view.State.Revision)
        {
            if (!await FulfilAsync(view, stop))
            {
                _wake.Call();
                return;
            }

            _fulfilled = view.State.Revision;
            Volatile.Write(ref _acknowledgedGeneration, view.State.Generation.Tag);
        }

        await AcknowledgeAsync(view.State);
    }

    private async Task AcknowledgeAsync(RoutingState fulfilled)
    {
        while (true)
        {
            var stored = await store.ReadAsync(View.State);
            // A revision means something in its own generation only.
            if (!IsOfGeneration(stored, fulfilled, out var state))
            {
                _wake.Call();
                return;
            }

            var next = state.Acknowledge(Id, fulfilled.Revision, time.GetUtcNow())
                with
            { Sequence = state.Sequence + 1 };
            // The acknowledgement that completes the set takes the next step in the same write.
            Routing.AuditEvent[] events = next.Revision == state.Revision
                ? []
                : [Event(
                    Name, $"phase.{next.Phase.ToString().ToLowerInvariant()}",
                    state.Phase.ToString().ToLowerInvariant(), null, next.Revision)];
            if (!await store.TryWriteAsync(state, next, events))
                continue;
            Adopt(next);
            if (next.Revision != fulfilled.Revision)
                _wake.Call();
            return;
        }
    }

    /// <summary>Returns false when a later revision has come meanwhile.</summary>
    private async Task<bool> FulfilAsync(RoutingView view, CancellationToken stop)
    {
        var rules = settings.Options.TestOnly;
        // 1. Nobody decides under an earlier revision any more.
        if (view.NamesFirst)
        {
            foreach (var request in inFlight.Snapshot())
            {
                if (!await UntilAsync(view, () => !DecidesUnderEarlier(request, view), stop))
                    return false;
            }
        }

        PutNamesBack(view);
        // 2. What the steady state had queued is in the store; what those requests had queued, too.
        var mark = outbox.Mark();
        if (view.NamesFirst && !await UntilAsync(view, () => outbox.IsThrough(mark), stop))
            return false;
        var started = time.GetTimestamp();
        if (view.IsStrict && !HasAcknowledgedGeneration(view) && !rules.IsOff(ProtocolRule.Generation)
            && !await UntilAsync(view, () => IsEmpty(r => IsOfEarlierGeneration(r, view), started), stop))
        {
            // 3. Names may be lost, and with them the way from one handle of a session to the lease of another:
            // nothing of the generation before is at work below the top.
            return false;
        }

        if (view.IsStrict && !rules.IsOff(ProtocolRule.InFlightLease))
        {
            // 4. Whatever is at work below the top holds a lease of this generation under the record that the store
            // names.
            foreach (var request in inFlight.Snapshot())
            {
                if (request.Ordinal != 0 && request.Ordinal < view.Top && request.Decision != Decision.Stateless)
                    await LeaseAsync(view, request);
            }
        }

        // 5. Nothing is at work on a version that is closing.
        return !view.IsClosing || rules.IsOff(ProtocolRule.Closing)
            || await UntilAsync(view, () => IsEmpty(r => r.Ordinal < view.Newest, started), stop);
    }

    // The store may have lost names; what this replica knows of them is queued again.
    private void PutNamesBack(RoutingView view)
    {
        if (view.State.Generation.Tag == _namesPutBackIn)
            return;
        _namesPutBackIn = view.State.Generation.Tag;
        foreach (var (name, root) in view.Names.Links())
            outbox.Add(new StoreWrite(StoreWriteKind.Link, name, Target: root));
    }

    /// <summary>This replica has done what a view's generation asks of it.</summary>
    public bool HasAcknowledgedGeneration(RoutingView view) =>
        Volatile.Read(ref _acknowledgedGeneration) == view.State.Generation.Tag;

    private static bool IsOfEarlierGeneration(GatewayRequest request, RoutingView view) =>
        request.Ordinal < view.Top && request.View.State.Generation.Tag != view.State.Generation.Tag;

    private static bool DecidesUnderEarlier(GatewayRequest request, RoutingView view) =>
        !request.IsDecided && request.View is { } seen && seen.State.Revision < view.State.Revision;

    // What is waited for may need a state that only the store has: another generation, an activation taken back. So
    // this looks on, as the loop that called it cannot meanwhile.
    private async Task<bool> UntilAsync(RoutingView view, Func<bool> condition, CancellationToken stop)
    {
        var looked = time.GetTimestamp();
        while (!condition())
        {
            if (View.State.Revision != view.State.Revision || View.State.Generation.Tag != view.State.Generation.Tag)
                return false;
            if (await _wake.WaitAsync(TimeSpan.Zero, stop) || time.GetElapsedTime(looked) >= PollIntervalWhenAway)
            {
                await LookAsync();
                looked = time.GetTimestamp();
            }
            else
            {
                await Task.Delay(Step, time, stop);
            }
        }

        return true;
    }

    /// <summary>No session request of a kind is at work; one that is after RequestTimeout is ended.</summary>
    private bool IsEmpty(Func<GatewayRequest, bool> kind, long started)
    {
        var late = time.GetElapsedTime(started) >= settings.Options.RequestTimeout;
        var left = 0;
        foreach (var request in inFlight.Snapshot())
        {
            if (request.Ordinal == 0 || request.Decision == Decision.Stateless || !kind(request))
                continue;
            left++;
            if (late && !request.CutOff)
                request.Http?.Abort();
        }

        return left == 0;
    }

    /// <summary>Puts a lease on every record that a request in flight below the top belongs to.</summary>
    public async Task LeaseAsync(RoutingView view, GatewayRequest request)
    {
        List<SessionKey> names;
        LeaseId lease;
        lock (request)
        {
            if (request.LeasedIn == view.Terms.Generation)
                return;
            lease = request.LeaseOf(Id);
            names = [.. request.Leased ?? []];
            if (names.Count == 0 || request.LeasedIn is null)
            {
                for (var i = 0; i < request.HandleCount; i++)
                    names.Add(request[i].Key);
                if (request.Root is { } root)
                    names.Add(root);
            }
        }

        foreach (var name in names.Distinct())
        {
            if (!await LeaseAsync(view, request, lease, name))
                return;
        }

        lock (request)
        {
            if (request.LeaseOf(Id) == lease)
                request.LeasedIn = names.Count > 0 ? view.Terms.Generation : null;
        }
    }

    /// <summary>
    /// Puts a lease of its own on the session of a request that is under its group's. True: it is not under that one
    /// any more, which is to be left for it.
    /// </summary>
    public async Task<bool> MoveOutAsync(RoutingView view, GatewayRequest request, SharedLease group)
    {
        SessionKey root;
        LeaseId own;
        lock (request)
        {
            // It is just being sent, or has just ended.
            if (request.Shared != group || request.Ordinal == 0 || request.Root is not { } record)
                return false;
            (root, own) = (record, request.LeaseOf(Id));
        }

        if (!await LeaseAsync(view, request, own, root))
            return false;
        lock (request)
        {
            if (request.Ended || request.Shared != group || request.LeaseOf(Id) != own)
                return false;
            request.TakeShared();
            return true;
        }
    }

    /// <summary>
    /// Puts the lease on the record that the name leads to. False: the request has ended, or has given its leases back
    /// to be decided anew, which it is under this view or a later one.
    /// </summary>
    private async Task<bool> LeaseAsync(RoutingView view, GatewayRequest request, LeaseId lease, SessionKey key)
    {
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            // Noted before it is asked for: a call that times out may be carried out after all, and must be given back.
            lock (request)
            {
                if (request.Ended || request.LeaseOf(Id) != lease)
                    return false;
                request.MayLease(key);
            }

            ClaimReply reply;
            try
            {
                reply = await pins.LeaseAsync(view.Terms, key, lease, request.Ordinal, Math.Max(request.Bucket, 0));
            }
            finally
            {
                lock (request)
                {
                    // Given back meanwhile, perhaps before the store had it.
                    if (request.Ended || request.LeaseOf(Id) != lease)
                        outbox.Add(new StoreWrite(StoreWriteKind.Release, key, Lease: lease));
                }
            }

            if (reply.Outcome == ClaimOutcome.Leased)
                return true;
            if (reply.Outcome != ClaimOutcome.Alias)
                throw new StoreUnavailableException("The store is of another generation.");
            key = reply.Target;
        }

        throw new StoreUnavailableException("A chain of names does not end.");
    }
}
