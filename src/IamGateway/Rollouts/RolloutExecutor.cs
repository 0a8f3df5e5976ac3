using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>
/// Carries out the rollout on the replica that holds the lease. It remembers nothing that matters: whoever takes over
/// goes on from the routing state.
/// </summary>
internal sealed partial class RolloutExecutor(
    Replica replica, IRolloutLease lease, ReplicaReports reports, SessionCensus census, InstanceTable instances,
    RolloutGates gates, DrainProgress progress, TimeProvider time, ILogger<RolloutExecutor> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RenewInterval = TimeSpan.FromSeconds(1);
    private long? _askedAt;
    private long? _heldSince;
    private (long Sequence, Task<long> Left)? _count;

    private bool IsHolding => _heldSince is { } since && time.GetElapsedTime(since) < IRolloutLease.Duration;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var sequence = replica.HasView ? replica.View.State.Sequence : 0;
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (StoreUnavailableException)
            {
                // The rollout stands still until the store is back.
            }
            catch (Exception e) when (e is not (OutOfMemoryException or OperationCanceledException))
            {
                Log.Failed(logger, e);
            }

            await WaitAsync(sequence, stoppingToken);
        }

        await ReleaseAsync();
    }

    private async Task WaitAsync(long sequence, CancellationToken stop)
    {
        if (!replica.HasView)
        {
            await Task.Delay(Interval, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }

        await ((Task)replica.WaitForAsync(s => s.Sequence != sequence, Interval))
            .WaitAsync(stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task LookAsync(CancellationToken stop)
    {
        if (!replica.HasView || !replica.CanServe || replica.IsLeaving || replica.View.State.Rollout is null)
        {
            await ReleaseAsync();
            return;
        }

        if (replica.View.State is { Rollout: { Status: RolloutStatus.Draining } draining } present)
            progress.Note(draining, RolloutPlan.SessionsBelow(present, draining, census.Latest));
        if (!await HoldAsync())
            return;
        var state = replica.View.State;
        if (state.Rollout is not { } rollout)
            return;
        var facts = Facts(state, rollout, stop);
        var ahead = RolloutPlan.Next(state, facts);
        if (ahead.Refusal is not null || ReferenceEquals(ahead.State, state))
            return;
        await replica.ChangeAsync(s => RolloutPlan.Next(s, facts), RolloutPlan.Gateway, null, null);
    }

    private async Task<bool> HoldAsync()
    {
        if (_askedAt is { } asked && time.GetElapsedTime(asked) < RenewInterval)
            return IsHolding;
        var now = time.GetTimestamp();
        var isHeld = await lease.TryHoldAsync(replica.Id);
        _askedAt = now;
        _heldSince = isHeld ? now : null;
        return IsHolding;
    }

    private async Task ReleaseAsync()
    {
        if (_heldSince is null)
            return;
        (_heldSince, _askedAt) = (null, null);
        try
        {
            await lease.ReleaseAsync(replica.Id);
        }
        catch (StoreUnavailableException)
        {
            // It expires.
        }
    }

    private RolloutFacts Facts(RoutingState state, Rollout rollout, CancellationToken stop) => new()
    {
        Now = time.GetUtcNow(),
        Executor = replica.Name,
        Reports = reports.Known,
        UnreachableReplicas = reports.Unreachable,
        HasTarget = instances.All.Any(i => i.IsUsable && i.Version == rollout.To),
        HasGates = gates.Any,
        Gate = gates.Any && RolloutPlan.StepAtGate(state) is { } step ? gates.Ask(rollout, step, stop) : null,
        SessionsLeft = rollout.Status == RolloutStatus.Draining && state.IsQuiet ? Count(state, rollout, stop) : null,
    };

    /// <summary>
    /// A count that began after the present state was applied here, or null. It may take long with many sessions, so it
    /// is not waited for; without a sign that none is left it is not made at all.
    /// </summary>
    private long? Count(RoutingState state, Rollout rollout, CancellationToken stop)
    {
        if (_count is { } count && count.Sequence == state.Sequence)
        {
            if (!count.Left.IsCompleted)
                return null;
            _count = null;
            if (count.Left.Exception is null && !count.Left.IsCanceled)
                return count.Left.Result;
        }

        if (rollout.Drain?.SessionsAtStart is null || RolloutPlan.SessionsBelow(state, rollout, census.Latest) == 0)
            _count = (state.Sequence, CountAsync(state, rollout, stop));
        return null;
    }

    private async Task<long> CountAsync(RoutingState state, Rollout rollout, CancellationToken stop) =>
        RolloutPlan.SessionsBelow(state, rollout, await census.CountAsync(stop));

    private static partial class Log
    {
        [LoggerMessage(4000, LogLevel.Error, "Carrying out the rollout failed; it is tried again.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
