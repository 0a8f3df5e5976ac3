namespace IamGateway.Rollouts;

/// <summary>
/// Says which replica carries out the rollout. It keeps two from doing the same work; that two do no harm is the
/// compare-and-set on the routing state.
/// </summary>
internal interface IRolloutLease
{
    /// <summary>Takes or renews the lease for <see cref="Duration"/>; false: another replica has it.</summary>
    ValueTask<bool> TryHoldAsync(long replica);

    /// <summary>Gives it back, if this replica has it.</summary>
    ValueTask ReleaseAsync(long replica);

    /// <summary>How long a lease lasts that nobody renews.</summary>
    static TimeSpan Duration { get; } = TimeSpan.FromSeconds(3);
}
