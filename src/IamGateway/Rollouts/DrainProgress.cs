namespace IamGateway.Rollouts;

/// <summary>How fast a drain goes, by the counts of the last minute that this replica has made.</summary>
internal sealed class DrainProgress(TimeProvider time)
{
    // Longer, and a drain that has come to stand still at idle sessions would seem to be almost through.
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(2);
    private readonly Lock _lock = new();
    private readonly Queue<(long At, long Left)> _samples = [];
    private string? _rollout;

    /// <summary>Called again and again while a rollout drains.</summary>
    public void Note(Rollout rollout, long left)
    {
        lock (_lock)
        {
            if (_rollout != rollout.Id)
                _samples.Clear();
            _rollout = rollout.Id;
            if (_samples.Count > 0 && time.GetElapsedTime(_samples.Last().At) < Step)
                return;
            _samples.Enqueue((time.GetTimestamp(), left));
            while (time.GetElapsedTime(_samples.Peek().At) > Window)
                _samples.Dequeue();
        }
    }

    /// <summary>
    /// When nothing will be left at the present pace, at the latest when the deadline ends it; null: not known yet.
    /// </summary>
    public DateTimeOffset? EstimatedEnd(Rollout rollout, long left, DateTimeOffset now)
    {
        if (left == 0)
            return now;
        lock (_lock)
        {
            if (_rollout != rollout.Id || _samples.Count < 2)
                return null;
            var (first, last) = (_samples.Peek(), _samples.Last());
            if (first.Left <= last.Left)
                return rollout.Drain?.Deadline;
            var rest = time.GetElapsedTime(first.At, last.At) * ((double)left / (first.Left - last.Left));
            var deadline = rollout.Drain?.Deadline ?? DateTimeOffset.MaxValue;
            return rest < deadline - now ? now + rest : deadline;
        }
    }
}
