using System.Globalization;
using System.Text.RegularExpressions;

namespace IamGateway.Rollouts;

/// <summary>Durations as people write them: 90s, 10m, 1h30m, 8h, 1d, or 00:10:00.</summary>
internal static partial class Duration
{
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = default;
        if (string.IsNullOrEmpty(text) || text.Length > 32)
            return false;
        if (text.Contains(':', StringComparison.Ordinal))
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;
        if (!Parts().IsMatch(text))
            return false;
        foreach (Match part in Part().Matches(text))
        {
            var value = long.Parse(part.Groups[1].Value, CultureInfo.InvariantCulture);
            duration += part.Groups[2].Value switch
            {
                "ms" => TimeSpan.FromMilliseconds(value),
                "s" => TimeSpan.FromSeconds(value),
                "m" => TimeSpan.FromMinutes(value),
                "h" => TimeSpan.FromHours(value),
                _ => TimeSpan.FromDays(value),
            };
        }

        return true;
    }

    public static string Format(TimeSpan duration)
    {
        (long Value, string Unit)[] parts =
        [
            (duration.Days, "d"), (duration.Hours, "h"), (duration.Minutes, "m"), (duration.Seconds, "s"),
            (duration.Milliseconds, "ms"),
        ];
        var text = string.Concat(parts.Where(p => p.Value > 0).Select(p => $"{p.Value}{p.Unit}"));
        return text.Length == 0 ? "0s" : text;
    }

    // Six digits a part: no sum of them overflows.
    [GeneratedRegex("^([0-9]{1,6}(ms|s|m|h|d))+$", RegexOptions.CultureInvariant)]
    private static partial Regex Parts();

    [GeneratedRegex("([0-9]+)(ms|s|m|h|d)", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
