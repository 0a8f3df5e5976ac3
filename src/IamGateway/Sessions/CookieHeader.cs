using System.Text;

namespace IamGateway.Sessions;

/// <summary>
/// Reads one Cookie header on spans, leniently (RFC 6265 §5.4): pairs without "=" are skipped, surrounding white space
/// and one pair of quotes are taken off, several cookies of one name are all seen.
/// </summary>
internal ref struct CookieHeader(ReadOnlySpan<char> header)
{
    private ReadOnlySpan<char> _rest = header;

    public ReadOnlySpan<char> Name { get; private set; }

    public ReadOnlySpan<char> Value { get; private set; }

    public bool MoveNext()
    {
        while (!_rest.IsEmpty)
        {
            var end = _rest.IndexOf(';');
            var pair = end < 0 ? _rest : _rest[..end];
            _rest = end < 0 ? default : _rest[(end + 1)..];
            var equals = pair.IndexOf('=');
            if (equals <= 0)
                continue;
            Name = pair[..equals].Trim();
            Value = Unquote(pair[(equals + 1)..].Trim());
            if (!Name.IsEmpty)
                return true;
        }

        return false;
    }

    /// <summary>
    /// The header without the cookies of some names; null: nothing is left of it. The same string: there was none.
    /// </summary>
    public static string? Without(string header, NamePredicate isOut)
    {
        var kept = new StringBuilder();
        var isFound = false;
        foreach (var range in header.AsSpan().Split(';'))
        {
            var pair = header.AsSpan()[range].Trim();
            var equals = pair.IndexOf('=');
            if (equals > 0 && isOut(pair[..equals].Trim()))
                isFound = true;
            else if (!pair.IsEmpty)
                kept.Append(kept.Length > 0 ? "; " : "").Append(pair);
        }

        return !isFound && header.Length > 0 ? header : kept.Length == 0 ? null : kept.ToString();
    }

    internal delegate bool NamePredicate(ReadOnlySpan<char> name);

    public static ReadOnlySpan<char> Unquote(ReadOnlySpan<char> value) =>
        value is ['"', .. var inner, '"'] ? inner : value;
}
