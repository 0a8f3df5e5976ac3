using System.Text.RegularExpressions;

namespace IamGateway.Tests.Servers;

/// <summary>What a head must be for all servers to see the same request in it (RFC 9112, section 6).</summary>
internal static partial class Framing
{
    /// <summary>The fields, names in lower case; fault: why two servers may read the head differently.</summary>
    public static List<(string Name, string Value)> Fields(string head, out string? fault)
    {
        var lines = head[..^4].Split("\r\n");
        var fields = new List<(string Name, string Value)>();
        fault = RequestLine().IsMatch(lines[0]) ? null : "has an odd request line";
        foreach (var line in lines.Skip(1))
        {
            if (Field().Match(line) is { Success: true } match)
                fields.Add((match.Groups[1].Value.ToLowerInvariant(), match.Groups[2].Value));
            else
                fault ??= "has an odd header line";
        }

        string[] Values(string name) => [.. fields.Where(f => f.Name == name).Select(f => f.Value)];
        var (lengths, encodings, hosts) = (Values("content-length"), Values("transfer-encoding"), Values("host"));
        if (lengths.Length + encodings.Length > 1)
            fault ??= "has more than one length";
        else if (lengths is [var length] && !Number().IsMatch(length))
            fault ??= "has an odd Content-Length";
        else if (encodings is [not "chunked"])
            fault ??= "has an odd Transfer-Encoding";
        else if (hosts.Length != 1)
            fault ??= "has no host or two";
        return fields;
    }

    [GeneratedRegex(@"\A[A-Za-z]+ (/[!-~]*|\*) HTTP/1\.1\z")]
    private static partial Regex RequestLine();

    [GeneratedRegex(@"\A([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([^\0\r\n]*)\z")]
    private static partial Regex Field();

    [GeneratedRegex(@"\A[0-9]{1,19}\z")]
    private static partial Regex Number();
}
