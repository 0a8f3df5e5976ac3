namespace IamGateway.Drains;

/// <summary>How fast something goes down to nothing, by what was left in the last minutes.</summary>
internal sealed class Pace(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private readonly Queue<(long At, long Left)> _samples = [];
    private (long At, long Left) _last;

    /// <summary>Call it as often as there is something new.</summary>
    public void Note(long left)
    {
        var now = time.GetTimestamp();
        if (_samples.Count > 0 && time.GetElapsedTime(_last.At, now) < Step)
            return;
        _last = (now, left);
        _samples.Enqueue(_last);
        while (time.GetElapsedTime(_samples.Peek().At, now) > Window)
            _samples.Dequeue();
    }

    /// <summary>When nothing will be left; null: it does not go down.</summary>
    public DateTimeOffset? End()
    {
        if (_samples.Count < 2 || _samples.Peek().Left <= _last.Left || _last.Left == 0)
            return null;
        var first = _samples.Peek();
        var rest = time.GetElapsedTime(first.At, _last.At) * ((double)_last.Left / (first.Left - _last.Left));
        return time.GetUtcNow() - time.GetElapsedTime(_last.At) + rest;
    }
}
