namespace IamGateway.Rollouts;

/// <summary>The embedded store has one replica.</summary>
internal sealed class MemoryRolloutLease : IRolloutLease
{
    public ValueTask<bool> TryHoldAsync(long replica) => new(true);

    public ValueTask ReleaseAsync(long replica) => ValueTask.CompletedTask;
}
