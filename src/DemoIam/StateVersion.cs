using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace DemoIam;

/// <summary>A release number and a text that sorts ordinally like it (so that Redis can compare it in Lua).</summary>
public sealed record StateVersion(string Text, string Order)
{
    private const int Parts = 4;

    /// <summary>Takes one to four numbers; a pre-release or build suffix does not count in comparisons.</summary>
    public static StateVersion Parse(string text) =>
        TryParse(text, out var version) ? version : throw new FormatException($"'{text}' is not a version.");

    public static bool TryParse(string? text, [NotNullWhen(true)] out StateVersion? version)
    {
        version = null;
        var trimmed = text?.Trim() ?? "";
        var core = trimmed.TrimStart('v', 'V');
        var end = core.IndexOfAny(['-', '+']);
        var numbers = (end < 0 ? core : core[..end]).Split('.');
        if (numbers.Length > Parts)
            return false;

        var order = new string[Parts];
        for (var i = 0; i < Parts; i++)
        {
            var value = 0;
            if (i < numbers.Length &&
                !int.TryParse(numbers[i], NumberStyles.None, CultureInfo.InvariantCulture, out value))
                return false;
            order[i] = value.ToString("D10", CultureInfo.InvariantCulture);
        }

        version = new StateVersion(trimmed, string.Join('.', order));
        return true;
    }

    public bool IsOlderThan(StateVersion other) => string.CompareOrdinal(Order, other.Order) < 0;

    public override string ToString() => Text;
}
