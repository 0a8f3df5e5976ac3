using System.Diagnostics;
using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal enum WeightsOutcome
{
    Applied,
    Pending,
    Refused,
    PreconditionFailed,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="State">The state after it.</param>
/// <param name="Elapsed">Until every replica had applied it.</param>
/// <param name="Pending">Replicas that have not.</param>
/// <param name="Refusal">Why not.</param>
internal sealed record WeightsResult(
    WeightsOutcome Outcome, RoutingState State, TimeSpan Elapsed, IReadOnlyList<string> Pending,
    Refusal? Refusal = null);

/// <summary>
/// Sets the weights and sees to it that all replicas apply them. The activation of a version that some replica does not
/// acknowledge is taken back, so that nothing is half done.
/// </summary>
internal sealed class WeightsCommand(
    Replica replica, InstanceTable instances, GatewaySettings settings, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<WeightsResult> RunAsync(IReadOnlyDictionary<VersionId, int> weights, long? ifMatch, string who)
    {
        var started = Stopwatch.GetTimestamp();
        var matches = true;
        var change = await replica.ChangeAsync(
            state =>
            {
                matches = ifMatch is null || ifMatch == state.Revision;
                return matches
                    ? Checked(state, weights, who)
                    : new Refusal("revision_changed", $"If-Match is {ifMatch}, and the revision is {state.Revision}.");
            },
            who, "weights.set", Text(weights), Text(Current(replica.View.State)), auditRefusal: true);
        if (!matches)
            return new WeightsResult(WeightsOutcome.PreconditionFailed, replica.View.State, default, []);
        if (change.Refusal is { } refusal)
            return new WeightsResult(WeightsOutcome.Refused, replica.View.State, default, [], refusal);
        var begun = change.State!;
        if (begun.Pending is { } version)
            return await ActivateAsync(begun, version, who, started);
        var applied = await replica.WaitForAsync(
            s => s.Replicas.All(r => r.Acknowledged >= begun.Revision), Patience);
        var pending = replica.View.State.Behind(begun.Revision).ToArray();
        return new WeightsResult(
            applied ? WeightsOutcome.Applied : WeightsOutcome.Pending, begun, Stopwatch.GetElapsedTime(started),
            pending);
    }

    private Change Checked(RoutingState state, IReadOnlyDictionary<VersionId, int> weights, string who)
    {
        foreach (var (version, weight) in weights)
        {
            if (weight > 0 && state.Find(version) is { Status: VersionStatus.Registered }
                && !instances.All.Any(i => i.IsUsable && i.Version == version))
            {
                return new Refusal(
                    "no_instance", $"No usable instance has version {version}; start one before you give it weight.");
            }
        }

        var change = state.SetWeights(weights);
        if (change.State is { } weighted)
            change = weighted.PauseForWeights(who, time.GetUtcNow());
        if (!settings.Options.TestOnly.IsOff(ProtocolRule.Acknowledgement))
            return change;
        while (change.State is { IsQuiet: false } next)
            change = next.Replicas.Aggregate(next, (s, r) => s.Acknowledge(r.Id, s.Revision, time.GetUtcNow()));
        return change;
    }

    private async Task<WeightsResult> ActivateAsync(RoutingState begun, VersionId version, string who, long started)
    {
        var active = await replica.WaitForAsync(
            s => s.Find(version)?.Status == VersionStatus.Active
                && s.Replicas.All(r => r.Acknowledged >= s.PhaseRevision), Patience);
        var now = replica.View.State;
        if (active || now.Find(version)?.Status == VersionStatus.Active)
            return new WeightsResult(
                active ? WeightsOutcome.Applied : WeightsOutcome.Pending, now, Stopwatch.GetElapsedTime(started),
                [.. now.Behind(now.PhaseRevision)]);
        var silent = now.Behind(now.PhaseRevision).ToArray();
        var change = await replica.ChangeAsync(
            s => s.Pending == version ? s.CancelActivation() : s, who, "activation.cancelled", version.ToString());
        if (change.State?.Pending == version)
            return new WeightsResult(WeightsOutcome.Pending, change.State, Stopwatch.GetElapsedTime(started), silent);
        if (change.State?.Find(version)?.Status == VersionStatus.Active)
            return new WeightsResult(WeightsOutcome.Applied, change.State, Stopwatch.GetElapsedTime(started), []);
        return new WeightsResult(
            WeightsOutcome.Refused, replica.View.State, default, [], new Refusal(
                "replica_silent",
                $"Version {version} was not activated, because {string.Join(", ", silent)} did not acknowledge in "
                + $"{Patience.TotalSeconds} s; nothing was changed. Start it again, or forget it if it is dead.",
                Replicas: silent));
    }

    public static IReadOnlyDictionary<VersionId, int> Current(RoutingState state) =>
        state.Active.ToDictionary(v => v.Version, v => v.Weight);

    private static string Text(IReadOnlyDictionary<VersionId, int> weights) =>
        string.Join(", ", weights.OrderBy(w => w.Key).Select(w => $"{w.Key}={w.Value}"));
}
