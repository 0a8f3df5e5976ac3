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
                Wake();
                return;
            }

            _fulfilled = view.State.Revision;
        }

        await AcknowledgeAsync(view.State.Revision);
    }

    private async Task AcknowledgeAsync(long revision)
    {
        while (true)
        {
            var stored = await store.ReadAsync(View.State);
            if (stored.State is not { } state || state.Id != View.State.Id || state.Sequence < View.State.Sequence)
                return;
            var next = state.Acknowledge(Id, revision, time.GetUtcNow()) with { Sequence = state.Sequence + 1 };
            // The acknowledgement that completes the set takes the next step in the same write.
            Routing.AuditEvent[] events = next.Revision == state.Revision
                ? []
                : [Event(
                    Name, $"phase.{next.Phase.ToString().ToLowerInvariant()}",
                    state.Phase.ToString().ToLowerInvariant(), null, next.Revision)];
            if (!await store.TryWriteAsync(state, next, events))
                continue;
            Adopt(next);
            if (next.Revision != revision)
                Wake();
            return;
        }
    }

    /// <summary>Returns false when a later revision has come meanwhile.</summary>
    private async Task<bool> FulfilAsync(RoutingView view, CancellationToken stop)
    {
        // 1. What the steady state had queued is in the store.
        var mark = outbox.Mark();
        if (view.NamesFirst && !await UntilAsync(view, () => outbox.IsThrough(mark), stop))
            return false;
        var rules = settings.Options.TestOnly;
        if (view.IsStrict && !rules.IsOff(ProtocolRule.InFlightLease))
        {
            // 2. Nobody decides under an earlier revision any more.
            foreach (var request in inFlight.Snapshot())
            {
                if (!await UntilAsync(view, () => !DecidesUnderEarlier(request, view), stop))
                    return false;
            }

            // 3. Whatever is at work below the top holds a lease of this generation under the record that the store
            // names.
            foreach (var request in inFlight.Snapshot())
            {
                if (request.Ordinal != 0 && request.Ordinal < view.Top && request.Decision != Decision.Stateless)
                    await LeaseAsync(view, request);
            }
        }

        // 4. Nothing is at work on a version that is closing.
        var started = time.GetTimestamp();
        return !view.IsClosing || rules.IsOff(ProtocolRule.Closing)
            || await UntilAsync(view, () => IsEmptyBelow(view, started), stop);
    }

    private static bool DecidesUnderEarlier(GatewayRequest request, RoutingView view) =>
        !request.IsDecided && request.View is { } seen && seen.State.Revision < view.State.Revision;

    private async Task<bool> UntilAsync(RoutingView view, Func<bool> condition, CancellationToken stop)
    {
        while (!condition())
        {
            if (View.State.Revision != view.State.Revision)
                return false;
            await Task.Delay(Step, time, stop);
        }

        return true;
    }

    private bool IsEmptyBelow(RoutingView view, long started)
    {
        var late = time.GetElapsedTime(started) >= settings.Options.RequestTimeout;
        var left = 0;
        foreach (var request in inFlight.Snapshot())
        {
            if (request.Ordinal == 0 || request.Ordinal >= view.Newest || request.Decision == Decision.Stateless)
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
        lock (request)
        {
            if (request.LeasedIn == view.Terms.Generation && request.Leased is { Count: > 0 })
                return;
            names = [.. request.Leased ?? []];
            if (names.Count == 0)
            {
                for (var i = 0; i < request.HandleCount; i++)
                    names.Add(request[i].Key);
                if (request.Root is { } root)
                    names.Add(root);
            }
        }

        foreach (var name in names.Distinct())
        {
            var key = name;
            for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
            {
                var lease = new LeaseId(Id, request.Number);
                var reply = await pins.LeaseAsync(view.Terms, key, lease, request.Ordinal, Math.Max(request.Bucket, 0));
                if (reply.Outcome == ClaimOutcome.Alias)
                {
                    key = reply.Target;
                    continue;
                }

                if (reply.Outcome == ClaimOutcome.StaleGeneration)
                    throw new StoreUnavailableException("The store is of another generation.");
                Note(view, request, key, lease);
                break;
            }
        }
    }

    private void Note(RoutingView view, GatewayRequest request, SessionKey key, LeaseId lease)
    {
        lock (request)
        {
            if (request.Ended)
                outbox.Add(new StoreWrite(StoreWriteKind.Release, key, Lease: lease));
            else
                request.AddLease(key, view.Terms.Generation);
        }
    }
}
