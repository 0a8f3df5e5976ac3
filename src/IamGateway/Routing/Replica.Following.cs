using IamGateway.Pins;

namespace IamGateway.Routing;

/// <summary>
/// Follows the routing state: looks at every change, puts back what the store has lost, tends the registry.
/// </summary>
internal sealed partial class Replica
{
    private async Task FollowAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && !IsForgotten)
        {
            try
            {
                await LookAsync();
                IsStoreUp = true;
                if (_disagreement is null)
                    await AcknowledgeAsync(stop);
            }
            catch (StoreUnavailableException e)
            {
                if (IsStoreUp)
                    Log.StoreAway(logger, e.Message);
                IsStoreUp = false;
                await ProbeAsync();
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                Log.FollowFailed(logger, e);
            }

            try
            {
                await _wake.WaitAsync(IsStoreUp ? PollInterval : PollIntervalWhenAway, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Called when the store fails, to look for a new primary.</summary>
    public Func<Task> ProbeAsync { get; set; } = () => Task.CompletedTask;

    /// <summary>Reads the state and reconciles it with what is remembered.</summary>
    private async Task LookAsync()
    {
        var mine = View.State;
        var stored = await store.ReadAsync(mine);
        if (!ReferenceEquals(mine, View.State))
        {
            // A command was carried out here meanwhile; what was read may be older than it.
            _wake.Call();
            return;
        }

        if (stored.State is not { } found)
        {
            await PutAsync(null, RoutingState.Merge(mine, mine, stored.RunIds), "state.restored");
            return;
        }

        if (!found.Continues(mine))
        {
            await PutAsync(found, RoutingState.Merge(mine, found, stored.RunIds), "state.merged");
            return;
        }

        if (!TryAdopt(found))
            return;
        if (stored.RunIds.Except(found.Generation.RunIds).Any())
        {
            await PutAsync(found, found.Regenerate(stored.RunIds), "store.generation");
            return;
        }

        await TendAsync(found);
    }

    private async Task PutAsync(RoutingState? expected, RoutingState next, string what)
    {
        next = next with
        {
            Sequence = Math.Max(next.Sequence, expected?.Sequence ?? 0) + 1,
            RecordedSince = time.GetUtcNow(),
        };
        if (!await store.TryWriteAsync(expected, next, [Event(Name, what, null, next.Generation.Tag, next.Revision)]))
        {
            _wake.Call();
            return;
        }

        Log.StateChanged(logger, what, next.Revision);
        TryAdopt(next);
    }

    /// <summary>The registry's housekeeping: this replica's place in it, and the dead ones'.</summary>
    private async Task TendAsync(RoutingState state)
    {
        if (IsGoneIn(state))
        {
            BeForgotten();
            return;
        }

        if (state.Replicas.All(r => r.Id != Id))
            await ChangeAsync(s => s.Restore(_me!), Name, "replica.restored", Name);
        VersionId[] versions = [.. settings.Versions, .. instances.ConfiguredVersions];
        if (state.Know(versions, time.GetUtcNow()) != state)
            await ChangeAsync(s => s.Know(versions, time.GetUtcNow()), Name, "versions.known", null);
        // Two histories that meet may both hold a process of this admin address; this one has it now.
        foreach (var twin in state.Replicas.Where(r => r.Id != Id && r.AdminAddress == _me!.AdminAddress))
        {
            if (!twin.Forgotten && !IsLeaving)
                await ChangeAsync(s => s.Forget(twin.Id), Name, "replica.forgotten", twin.Name);
        }

        foreach (var dead in state.Replicas.Where(r => r.Forgotten && r.Id != Id))
        {
            // Measured here from when it was first seen, so that no two clocks are compared.
            if (!_forgottenSince.TryGetValue(dead.Id, out var since))
                _forgottenSince[dead.Id] = time.GetTimestamp();
            else if (time.GetElapsedTime(since) >= settings.Options.RequestTimeout)
                await ChangeAsync(s => s.Remove(dead.Id, time.GetUtcNow()), Name, "replica.removed", dead.Name);
        }

        var settled = time.GetUtcNow() - settings.Options.Store.SessionTtl;
        if (state.Settle(settled) != state)
            await ChangeAsync(s => s.Settle(settled), Name, "versions.settled", null);
    }

    private bool IsGoneIn(RoutingState state) => state.Replicas.FirstOrDefault(r => r.Id == Id) is { } entry
        ? entry.Forgotten
        : state.RemovedReplicas.Contains(Id);

    private void BeForgotten()
    {
        if (IsLeaving)
            return;
        IsForgotten = true;
        NotReadyReason = "This replica was forgotten; it serves no session and ends.";
        Log.Forgotten(logger, Name);
        OnForgotten?.Invoke();
    }
}
