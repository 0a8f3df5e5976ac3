namespace Iamgw.Events;

/// <summary>How far the audit log has been read.</summary>
/// <param name="Id">The last event.</param>
/// <param name="At">When that was; null: only the ID is known.</param>
internal sealed record EventPlace(string Id, DateTimeOffset? At)
{
    /// <summary>Before the oldest event that is kept.</summary>
    public static EventPlace Start { get; } = new("0", null);

    /// <summary>The ID after which this event comes first; null: it is no ID.</summary>
    public string? Before()
    {
        // Redis counts within a millisecond, the embedded store from 1 on.
        var parts = Id.Split('-');
        if (parts.Length > 2 || !Array.TrueForAll(parts, p => p.Length is > 0 and < 19 && p.All(char.IsAsciiDigit)))
            return null;
        var first = long.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
        var second = parts.Length == 2 ? long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (second > 0)
            return $"{first}-{second - 1}";
        if (first == 0)
            return null;
        return parts.Length == 2 ? $"{first - 1}-{new string('9', 18)}" : $"{first - 1}";
    }
}
