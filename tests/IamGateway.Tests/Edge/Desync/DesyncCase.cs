using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace IamGateway.Tests.Edge.Desync;

/// <summary>One entry of corpus.txt: the bytes that a client sends, and how each request in them is answered.</summary>
internal sealed partial record DesyncCase(string Name, IReadOnlyList<string> Answers, byte[] Bytes)
{
    public static IReadOnlyDictionary<string, DesyncCase> All { get; } = Read(
        Repository.Read("tests/IamGateway.Tests/Edge/Desync/corpus.txt"));

    /// <summary>The client gets no answer and the gateway waits for the rest of the request.</summary>
    public bool IsOpen => Answers is [.., "open"];

    public bool IsHead => Bytes.AsSpan().StartsWith("HEAD "u8);

    private static Dictionary<string, DesyncCase> Read(string corpus)
    {
        var cases = new Dictionary<string, DesyncCase>();
        foreach (var entry in $"{corpus.ReplaceLineEndings("\n").TrimEnd('\n')}\n".Split("\n### ").Skip(1))
        {
            var end = entry.IndexOf('\n', StringComparison.Ordinal);
            var title = entry[..end].Split(" | ");
            var bytes = new StringBuilder();
            foreach (var line in entry[(end + 1)..].Split('\n'))
                bytes.Append(Unescape(line.EndsWith('\\') ? line[..^1] : line + "\\r\\n"));
            cases.Add(title[0], new DesyncCase(title[0], title[1].Split(' '), Encoding.Latin1.GetBytes($"{bytes}")));
        }

        return cases;
    }

    private static string Unescape(string line) => Escape().Replace(line, match => match.Value switch
    {
        "\\r" => "\r",
        "\\n" => "\n",
        "\\t" => "\t",
        "\\0" => "\0",
        var hex => $"{(char)byte.Parse(hex.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)}",
    });

    [GeneratedRegex(@"\\([rnt0]|x[0-9a-f]{2})")]
    private static partial Regex Escape();
}
