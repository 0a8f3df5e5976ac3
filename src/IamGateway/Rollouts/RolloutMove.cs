using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>A transition of a rollout, with the rollout after it.</summary>
internal sealed record RolloutMove(Rollout Rollout, RolloutStatus? Before, RolloutTransition Transition)
{
    /// <summary>The transitions that a change of the routing state has brought, in their order.</summary>
    public static IEnumerable<RolloutMove> Between(RoutingState before, RoutingState after)
    {
        if (ReferenceEquals(before.Rollout, after.Rollout) && before.EndedRollouts == after.EndedRollouts)
            yield break;
        foreach (var rollout in after.EndedRollouts.Append(after.Rollout).OfType<Rollout>())
        {
            var old = before.Rollout?.Id == rollout.Id
                ? before.Rollout
                : before.EndedRollouts.FirstOrDefault(r => r.Id == rollout.Id);
            var status = old?.Status;
            var known = old?.Transitions.LastOrDefault();
            var added = known is null
                ? rollout.Transitions.AsEnumerable()
                : rollout.Transitions.Reverse().TakeWhile(t => t != known).Reverse();
            foreach (var transition in added)
            {
                yield return new RolloutMove(rollout, status, transition);
                status = transition.State;
            }
        }
    }

    /// <summary>The line of the audit log.</summary>
    public AuditEvent Event() => new(
        "", Transition.At, Transition.Who, "rollout." + Name(Transition.State),
        Before is { } before ? Name(before) : null,
        $"{Rollout.To}: {Transition.Reason}", "ok", Transition.Revision);

    public static string Name(RolloutStatus status) => status.ToString().ToLowerInvariant();

    public static string Name(RolloutWait wait) => wait.ToString().ToLowerInvariant();
}
