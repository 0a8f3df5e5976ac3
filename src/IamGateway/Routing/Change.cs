namespace IamGateway.Routing;

/// <summary>The outcome of a command on the routing state: the next state, or the reason why there is none.</summary>
internal readonly record struct Change(RoutingState? State, Refusal? Refusal)
{
    public static implicit operator Change(RoutingState state) => new(state, null);

    public static implicit operator Change(Refusal refusal) => new(null, refusal);
}

/// <summary>Why a command is not carried out.</summary>
/// <param name="Code">A stable identifier.</param>
/// <param name="Detail">One sentence that names the field or key and says what to do.</param>
/// <param name="IsConflict">The state stands against it (409); else the command itself is wrong (400).</param>
/// <param name="IsTemporary">It passes without anybody doing anything.</param>
/// <param name="Replicas">The names of the replicas that stand against it.</param>
internal sealed record Refusal(
    string Code, string Detail, bool IsConflict = true, bool IsTemporary = false,
    IReadOnlyList<string>? Replicas = null);
