using System.Collections.Immutable;
using IamGateway.Configuration;
using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>
/// What must hold before a rollout begins. All of it is checked, so that one look shows all that is missing.
/// </summary>
internal static class Preconditions
{
    public static ImmutableArray<Precondition> Check(RoutingState state, RolloutOrder order, PreconditionFacts facts)
    {
        var from = RolloutOrder.From(state);
        var to = order.To;
        return
        [
            TargetKnown(state, to),
            TargetHigher(state, to),
            MinimumVersion(from, to, facts.MinimumVersion),
            NoThirdVersion(state, to),
            NoSkippedVersion(state, from, order),
            Instances(from, to, facts),
            SessionState(order, facts),
            Of("store", facts.StoreProblem is null, facts.StoreProblem ?? $"The store is {facts.Store}."),
            Schema(order, facts),
            Replicas(state, facts),
            NoOtherRollout(state),
            PinsRecorded(state, from, facts),
        ];
    }

    private static Precondition TargetKnown(RoutingState state, VersionId to)
    {
        const string Name = "target_known";
        return state.Find(to)?.Status switch
        {
            null => Of(Name, false,
                $"No instance has version {to}; known are {Join(state.Versions.Select(v => v.Version))}. "
                + "Register its instances first."),
            VersionStatus.Retired or VersionStatus.Revoked => Of(Name, false,
                $"Version {to} is {state.Find(to)!.Status.ToString().ToLowerInvariant()}, and a version never comes "
                + "back; upgrade to a higher one."),
            var status => Of(Name, true, $"Version {to} is {status.ToString()!.ToLowerInvariant()}."),
        };
    }

    private static Precondition TargetHigher(RoutingState state, VersionId to)
    {
        const string Name = "target_higher";
        var others = state.Active.Select(v => v.Version).Where(v => v != to).ToArray();
        if (others.Length == 0)
            return Of(Name, false, $"Version {to} is the only active one already; there is nothing to upgrade.");
        var isHigher = others.All(v => v < to);
        return Of(
            Name, isHigher,
            isHigher
                ? $"Version {to} is higher than {Join(others)}."
                : $"Version {to} is not higher than the active {Join(others)}; upgrades only go up.");
    }

    private static Precondition MinimumVersion(VersionId from, VersionId to, VersionId? minimum)
    {
        const string Name = "minimum_version";
        if (minimum is null)
            return Of(Name, true, "IamGateway:Rollout:MinimumVersion is not set.");
        var isMet = from >= minimum && to >= minimum;
        return Of(
            Name, isMet,
            isMet
                ? $"Versions {from} and {to} are at least {minimum}."
                : $"Versions below {minimum} cannot take part in a rolling upgrade, and this one goes from {from} to "
                + $"{to}; upgrade to {minimum} with a downtime first, or correct "
                + "IamGateway:Rollout:MinimumVersion.");
    }

    private static Precondition NoThirdVersion(RoutingState state, VersionId to)
    {
        var active = state.Active.Select(v => v.Version).ToArray();
        var isFree = active.Length < 2 || active.Contains(to);
        return Of(
            "no_third_version", isFree,
            isFree
                ? $"Active are {Join(active)}."
                : $"Versions {Join(active)} are active; retire {active[0]} before {to} comes.");
    }

    private static Precondition NoSkippedVersion(RoutingState state, VersionId from, RolloutOrder order)
    {
        const string Name = "no_skipped_version";
        var to = order.To;
        var between = state.Versions
            .Where(v => v.Status == VersionStatus.Registered && v.Version > from && v.Version < to)
            .Select(v => v.Version).ToArray();
        var isSkip = between.Length > 0 || to.Major == from.Major && to.Minor > from.Minor + 1
            || to.Major > from.Major + 1 || to.Major == from.Major + 1 && to.Minor > 0;
        if (!isSkip)
            return Of(Name, true, $"Version {to} follows {from}.");
        var what = between.Length > 0 ? $"skips {Join(between)}" : "skips a release";
        return Of(
            Name, order.AllowSkip,
            order.AllowSkip
                ? $"From {from} to {to} {what}, as allowSkip allows."
                : $"From {from} to {to} {what}; go there first, or send \"allowSkip\":true if the IAM supports it.");
    }

    private static Precondition Instances(VersionId from, VersionId to, PreconditionFacts facts)
    {
        var usable = facts.Instances.Where(i => i.Problem is null).ToArray();
        var isMet = usable.Length >= 2 && usable.Any(i => i.Version == to);
        var list = usable.Length == 0 ? "none" : Join(usable.Select(i => $"{i.Id} ({i.Version})"));
        var broken = string.Concat(facts.Instances.Where(i => i.Problem is not null)
            .Select(i => $" {i.Id} ({i.Version}) {i.Problem}."));
        return Of(
            "instances", isMet,
            isMet
                ? $"Usable: {list}.{broken}"
                : $"Usable: {list}.{broken} Start and register instances: it takes two of {from} and {to}, and one of "
                + $"{to}.");
    }

    private static Precondition SessionState(RolloutOrder order, PreconditionFacts facts)
    {
        const string Name = "session_state_external";
        var why = facts.Affinity == SessionAffinity.Instance
            ? "IamGateway:Affinity is Instance"
            : "IamGateway:Rollout:SessionStateExternal is false";
        if (facts.Options.SessionStateExternal && facts.Affinity == SessionAffinity.Version)
            return Of(Name, true, "The IAM's session state is external, as the configuration declares.");
        var stays = order.ExistingSessions == ExistingSessions.Stay;
        return Of(
            Name, stays,
            stays
                ? $"Sessions stay where they are, because {why}."
                : $"Sessions cannot move, because {why}; send \"existingSessions\":\"stay\".");
    }

    private static Precondition Schema(RolloutOrder order, PreconditionFacts facts)
    {
        const string Name = "schema_upgraded";
        if (order.SchemaUpgraded)
            return Of(Name, true, "The request says that the database schema is upgraded.");
        if (facts.Options.SchemaCheckUrl is null)
        {
            return Of(
                Name, false,
                "Nobody says that the database schema is upgraded, which comes before the instances; do it and send "
                + "\"schemaUpgraded\":true, or set IamGateway:Rollout:SchemaCheckUrl.");
        }

        return Of(
            Name, facts.SchemaProblem is null,
            facts.SchemaProblem is null
                ? "The check of the database schema answers that it fits."
                : $"The check of the database schema does not pass: {facts.SchemaProblem.TrimEnd('.')}. Upgrade the "
                + $"schema for {order.To} first.");
    }

    private static Precondition Replicas(RoutingState state, PreconditionFacts facts)
    {
        var silent = state.Behind(state.Revision).Union(facts.SilentReplicas).ToArray();
        return Of(
            "replicas", silent.Length == 0,
            silent.Length == 0
                ? $"Every replica answers: {Join(state.Replicas.Select(r => r.Name))}."
                : $"Without an answer or not at revision {state.Revision}: {Join(silent)}; start it again, or forget "
                + "what is dead.");
    }

    private static Precondition NoOtherRollout(RoutingState state)
    {
        const string Name = "no_other_rollout";
        if (state.Rollout is { } running)
        {
            return Of(
                Name, false,
                $"Rollout {running.Id} to {running.To} is under way; abort it or wait until it is through.");
        }

        return Of(
            Name, state.IsQuiet,
            state.IsQuiet
                ? "No other rollout is under way."
                : $"The routing state is in phase {state.Phase.ToString().ToLowerInvariant()}; try again when it is "
                + "through.");
    }

    private static Precondition PinsRecorded(RoutingState state, VersionId from, PreconditionFacts facts)
    {
        // A state of an earlier release has not noted it.
        var since = state.RecordedSince ?? state.Find(from)!.Since;
        var needed = facts.Options.MinimumRecording;
        var recorded = facts.Now - since;
        var isLong = recorded >= needed;
        var text = $"Sessions are recorded since {since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC";
        return Of(
            "pins_recorded", isLong,
            isLong
                ? $"{text}."
                : $"{text}, and IamGateway:Rollout:MinimumRecording asks for {Duration.Format(needed)}; wait until "
                + $"{(since + needed).UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC. Sessions that are not recorded would go to "
                + "the new version at once, whatever the weights are.");
    }

    private static Precondition Of(string name, bool passed, string detail) => new(name, passed, detail);

    private static string Join<T>(IEnumerable<T> items)
    {
        var texts = items.Select(i => $"{i}").ToArray();
        return texts.Length < 2 ? string.Concat(texts) : $"{string.Join(", ", texts[..^1])} and {texts[^1]}";
    }
}
