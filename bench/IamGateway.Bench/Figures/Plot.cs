using System.Globalization;
using System.Text;

namespace IamGateway.Bench.Figures;

/// <summary>Bars: CPU time per request and throughput of each subject, to bare YARP.</summary>
internal static class Plot
{
    private const int Row = 22;
    private const int Left = 230;
    private const int Unit = 180;

    public static string Draw(List<Group> groups)
    {
        var body = new StringBuilder();
        var y = 10;
        foreach (var group in groups)
        {
            y += Row;
            Text(body, 10, y, $"{group.Load}, {group.Connections} connections (bare YARP = 1)", "bold");
            foreach (var series in group.Subjects)
            {
                y += Row;
                Text(body, 10, y, series.Subject, "normal");
                Bar(body, y - 13, series.Ratio(group.Base, w => w.Cpu), "#c0504d");
                Bar(body, y - 5, series.Ratio(group.Base, w => w.PerSecond), "#4f81bd");
            }

            y += Row;
        }

        Text(body, 10, y, "red: CPU of proxy and Redis per request; blue: requests per second", "normal");
        return $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="900" height="{y + Row}" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <line x1="{Left + Unit}" x2="{Left + Unit}" y1="0" y2="{y - Row}" stroke="#999" stroke-dasharray="3"/>
            {body}</svg>
            """;
    }

    private static void Text(StringBuilder body, int x, int y, string text, string weight) =>
        body.AppendLine($"""<text x="{x}" y="{y}" font-weight="{weight}">{text}</text>""");

    private static void Bar(StringBuilder body, int y, double ratio, string colour)
    {
        var width = double.IsNaN(ratio) ? 0 : Math.Min(ratio, 3) * Unit;
        body.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""<rect x="{Left}" y="{y}" width="{width:0}" height="7" fill="{colour}"/>"""));
        body.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""<text x="{Left + width + 4:0}" y="{y + 7}" font-size="9">{ratio:0.00}</text>"""));
    }
}
