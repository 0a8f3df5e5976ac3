using IamGateway.Pins;

namespace IamGateway.Drains;

/// <summary>What one replica has seen of one drain so far.</summary>
internal sealed class DrainCourse(TimeProvider time)
{
    // What began just before the count shows in the reports by then.
    private static readonly TimeSpan Reports = TimeSpan.FromSeconds(2);
    private readonly Pace _pace = new(time);
    private long? _appliedAt;
    private long? _quietAt;
    private long? _emptyAt;

    /// <summary>No session lives there, by a count from after the last one could have come to.</summary>
    public bool IsLeft { get; private set; }

    /// <summary>The same, and nothing has been at work there since.</summary>
    public bool IsEmpty => _emptyAt is { } at && time.GetElapsedTime(at) >= Reports;

    public DateTimeOffset? EstimatedEnd => _pace.End();

    /// <summary>Called once a second.</summary>
    public void Note(DrainStatus status, PlaceCount? places, string id)
    {
        var now = time.GetTimestamp();
        var isApplied = status.WaitingFor.Count == 0;
        if (isApplied)
            _pace.Note(status.InFlight + (status.Sessions ?? 0));
        _appliedAt = isApplied ? _appliedAt ?? now : null;
        _quietAt = status.IsQuiet ? _quietAt ?? now : null;
        var none = places is not null && places.Of(id) == 0 ? places : null;
        IsLeft = none is not null && none.BegunAt >= _appliedAt;
        _emptyAt = none is not null && none.BegunAt >= _quietAt ? _emptyAt ?? now : null;
    }
}
