using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using Microsoft.Extensions.Logging;

namespace IamGateway.Pins;

/// <summary>
/// A response showed that a session is at a higher version than the one its request was sent to: the pin is raised to
/// the truth before the response leaves.
/// </summary>
internal sealed partial class PinRepair(
    Replica replica, IPinStore store, SharedLeases leases, GatewaySettings settings, GatewayMetrics metrics,
    TimeProvider time, ILogger<PinRepair> logger)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(200);

    public async ValueTask RaiseAsync(GatewayRequest request, VersionId truth)
    {
        try
        {
            if (await OrdinalAsync(truth) is { } ordinal)
            {
                HashSet<SessionKey> names = [];
                for (var i = 0; i < request.HandleCount; i++)
                    names.Add(request[i].Key);
                if (request.Root is { } root)
                    names.Add(root);
                var raised = new HashSet<SessionKey>();
                foreach (var name in names)
                    raised.Add(await RaiseAsync(request, name, ordinal));
                await UntilAloneAsync(request, raised);
                metrics.PinRepaired("response");
                return;
            }
        }
        catch (StoreUnavailableException e)
        {
            Log.NotRaised(logger, truth, e.Message);
            return;
        }

        Log.NotRaised(logger, truth, "it is neither active nor can it become so");
    }

    /// <summary>
    /// The place of a version in the order of activations. One above the newest is prepared at once, with no share of
    /// new sessions; it has its place before the first request goes there.
    /// </summary>
    private async ValueTask<int?> OrdinalAsync(VersionId version)
    {
        var state = replica.View.State;
        if (state.Find(version) is { Ordinal: > 0, Status: VersionStatus.Active } known)
            return known.Ordinal;
        var weights = state.Active.ToDictionary(v => v.Version, v => v.Weight);
        var change = await replica.ChangeAsync(
            s => s.Pending == version || s.Find(version)?.Status == VersionStatus.Active
                ? s
                : s.Know([version], time.GetUtcNow()).Activate(version, weights),
            replica.Name, "version.seen", version.ToString());
        if (change.Refusal is { } refusal)
        {
            Log.NotRaised(logger, version, refusal.Detail);
            return null;
        }

        return await replica.WaitForAsync(s => s.Find(version)?.Ordinal > 0, settings.Options.Migration.MaxWait)
            ? replica.View.State.Find(version)!.Ordinal
            : null;
    }

    /// <summary>Raises the pin of the session that a name leads to, and returns the name of its record.</summary>
    private async ValueTask<SessionKey> RaiseAsync(GatewayRequest request, SessionKey name, int ordinal)
    {
        var key = name;
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            var view = replica.View;
            var reply = await store.LeaseAsync(view.Terms, key, null, ordinal, Math.Max(request.Bucket, 0));
            switch (reply.Outcome)
            {
                case ClaimOutcome.Alias:
                    key = reply.Target;
                    continue;
                case ClaimOutcome.StaleGeneration
                    when !await replica.NewerAsync(view, settings.Options.Migration.MaxWait):
                    throw new StoreUnavailableException("the store's generation is not acknowledged");
                case ClaimOutcome.StaleGeneration:
                    continue;
            }

            leases.LetGo(key);
            view.Names.TryGet(name, out var known);
            var final = view.IsStrict && view.Final == ordinal ? ordinal : 0;
            view.Names.Set(name, new NameCache.Entry(key, final, known.ExtendedAt));
            break;
        }

        return key;
    }

    /// <summary>
    /// Under a lease that another replica has kept it would go on sending below. It asks anew when that is over, which
    /// is waited for; not for requests at work, which may last.
    /// </summary>
    private async ValueTask UntilAloneAsync(GatewayRequest request, HashSet<SessionKey> records)
    {
        var started = time.GetTimestamp();
        foreach (var record in records)
        {
            while (time.GetElapsedTime(started) < leases.KeptFor + Slack)
            {
                var found = await store.FindAsync(record);
                if (found is null || found.Leases <= (request.HasLease(record) ? 1 : 0))
                    break;
                await Task.Delay(Step, time);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            2100, LogLevel.Error,
            "A session was seen at version {Version} and its pin could not be raised to it: {Reason}")]
        public static partial void NotRaised(ILogger logger, VersionId version, string reason);
    }
}
