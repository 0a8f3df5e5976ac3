using System.Globalization;
using Spectre.Console;

namespace Iamgw;

/// <summary>How values look.</summary>
internal static class Show
{
    /// <summary>Text of others without what a terminal would take for commands.</summary>
    public static string Clean(string? text) => text is null
        ? ""
        : string.Concat(text.Select(c => c is '\n' or '\t' ? ' ' : char.IsControl(c) || IsInvisible(c) ? '?' : c));

    /// <summary>The same, as it must stand in markup.</summary>
    public static string Safe(string? text) => Markup.Escape(Clean(text));

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Share(double share) => (share * 100).ToString("0.##", CultureInfo.InvariantCulture) + " %";

    public static string Seconds(double seconds) => seconds switch
    {
        <= 0 => "-",
        < 0.01 => (seconds * 1000).ToString("0.0", CultureInfo.InvariantCulture) + " ms",
        < 1 => (seconds * 1000).ToString("0", CultureInfo.InvariantCulture) + " ms",
        _ => seconds.ToString("0.00", CultureInfo.InvariantCulture) + " s",
    };

    /// <summary>The two largest units: 1d 3h, 8h, 6m 12s, 42s.</summary>
    public static string Span(TimeSpan span)
    {
        var whole = TimeSpan.FromSeconds(Math.Ceiling(Math.Max(0, span.TotalSeconds)));
        (int Value, string Unit)[] parts =
            [(whole.Days, "d"), (whole.Hours, "h"), (whole.Minutes, "m"), (whole.Seconds, "s")];
        var shown = parts.SkipWhile(p => p.Value == 0).Take(2).Where(p => p.Value > 0).ToArray();
        return shown.Length == 0 ? "0s" : string.Join(' ', shown.Select(p => $"{p.Value}{p.Unit}"));
    }

    /// <summary>A point in time where the user is; with its day if that is another one.</summary>
    public static string At(DateTimeOffset at, TimeProvider time)
    {
        var zone = time.LocalTimeZone;
        var local = TimeZoneInfo.ConvertTime(at, zone);
        var today = TimeZoneInfo.ConvertTime(time.GetUtcNow(), zone).Date;
        return local.ToString(local.Date == today ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    // Characters that turn the direction of text make it read as something else.
    private static bool IsInvisible(char c) => CharUnicodeInfo.GetUnicodeCategory(c) == UnicodeCategory.Format;
}
