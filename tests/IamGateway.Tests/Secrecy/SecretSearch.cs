using System.Buffers;

namespace IamGateway.Tests.Secrecy;

/// <summary>Finds many secrets at once in a text of any length, in bounded memory.</summary>
internal sealed class SecretSearch
{
    private const int Prefix = 16;
    private const int Room = 1 << 20;
    private readonly SearchValues<string> _beginnings;
    private readonly ILookup<string, string> _byBeginning;
    private readonly int _longest;

    public SecretSearch(IReadOnlyCollection<string> secrets)
    {
        // The search costs memory for each character, so that it looks for beginnings only.
        _byBeginning = secrets.ToLookup(Beginning, StringComparer.Ordinal);
        _beginnings = SearchValues.Create([.. _byBeginning.Select(b => b.Key)], StringComparison.Ordinal);
        _longest = secrets.Count == 0 ? 0 : secrets.Max(s => s.Length);
    }

    private static string Beginning(string secret) => secret.Length <= Prefix ? secret : secret[..Prefix];

    /// <summary>Each secret that stands in the text, with a bit of what stands before.</summary>
    public IEnumerable<(string Secret, string Before)> Find(TextReader text)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var buffer = new char[Room + _longest];
        var length = 0;
        while (true)
        {
            var read = text.ReadBlock(buffer, length, buffer.Length - length);
            length += read;
            foreach (var (secret, at) in Find(buffer.AsMemory(0, length)))
            {
                if (found.Add(secret))
                    yield return (secret, new string(buffer, Math.Max(0, at - 60), Math.Min(60, at)));
            }

            if (read == 0)
                yield break;
            // What may be the beginning of one that goes on in the next part.
            var rest = Math.Min(length, _longest);
            buffer.AsSpan(length - rest, rest).CopyTo(buffer);
            length = rest;
        }
    }

    private List<(string Secret, int At)> Find(ReadOnlyMemory<char> text)
    {
        var all = new List<(string, int)>();
        for (var from = 0; text.Span[from..].IndexOfAny(_beginnings) is >= 0 and var next; from++)
        {
            from += next;
            var here = text[from..];
            all.AddRange(BeginningsAt(here).SelectMany(b => _byBeginning[b])
                .Where(s => here.Span.StartsWith(s, StringComparison.Ordinal)).Select(s => (s, from)));
        }

        return all;
    }

    private static IEnumerable<string> BeginningsAt(ReadOnlyMemory<char> text)
    {
        for (var length = Secrets.MinLength; length <= Math.Min(Prefix, text.Length); length++)
            yield return text[..length].ToString();
    }
}
