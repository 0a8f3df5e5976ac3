using IamGateway.Configuration;

namespace IamGateway.Forwarding;

/// <summary>
/// Bounds how many requests are repeated after they had reached an instance: a share of those that succeed within the
/// last seconds, and a few in each second, so that failures do not multiply the load that causes them.
/// </summary>
internal sealed class RetryBudget(GatewaySettings settings, TimeProvider time)
{
    /// <summary>So many are allowed in each second whatever else there is.</summary>
    public const int Floor = 5;

    /// <summary>The seconds that are looked at.</summary>
    public const int Seconds = 10;

    private readonly Lock _lock = new();
    private readonly Slot[] _slots = [.. Enumerable.Range(0, Seconds).Select(_ => new Slot())];

    /// <summary>A request has succeeded.</summary>
    public void Earn() => Interlocked.Increment(ref Now().Earned);

    /// <summary>Takes one from the budget; false: there is none left.</summary>
    public bool TrySpend()
    {
        var now = Now();
        lock (_lock)
        {
            var recent = _slots.Where(s => s.Second > now.Second - Seconds).ToArray();
            var allowed = settings.Options.Retry.Budget * recent.Sum(s => s.Earned) + Floor * Seconds;
            if (settings.Options.Retry.Budget == 0 || recent.Sum(s => s.Spent) >= allowed)
                return false;
            now.Spent++;
            return true;
        }
    }

    private Slot Now()
    {
        var second = time.GetTimestamp() / time.TimestampFrequency;
        var slot = _slots[second % Seconds];
        if (Volatile.Read(ref slot.Second) == second)
            return slot;
        lock (_lock)
        {
            if (slot.Second != second)
            {
                slot.Earned = 0;
                slot.Spent = 0;
                Volatile.Write(ref slot.Second, second);
            }
        }

        return slot;
    }

    private sealed class Slot
    {
        public long Second = -Seconds;
        public long Earned;
        public long Spent;
    }
}
