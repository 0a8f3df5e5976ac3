using System.Globalization;

namespace IamGateway.Sessions;

/// <summary>
/// What matters here of one Set-Cookie header (RFC 6265 §5.2): name, value, and whether it deletes the cookie.
/// </summary>
internal readonly ref struct SetCookieHeader
{
    private SetCookieHeader(ReadOnlySpan<char> name, ReadOnlySpan<char> value, bool expires)
    {
        Name = name;
        Value = value;
        Expires = expires;
    }

    public ReadOnlySpan<char> Name { get; }

    public ReadOnlySpan<char> Value { get; }

    /// <summary>The browser forgets the cookie: Max-Age of zero or less, or else an Expires date in the past.</summary>
    public bool Expires { get; }

    public static bool TryParse(ReadOnlySpan<char> header, DateTimeOffset now, out SetCookieHeader cookie)
    {
        cookie = default;
        var end = header.IndexOf(';');
        var pair = end < 0 ? header : header[..end];
        var equals = pair.IndexOf('=');
        if (equals <= 0)
            return false;
        var name = pair[..equals].Trim();
        if (name.IsEmpty)
            return false;
        var value = CookieHeader.Unquote(pair[(equals + 1)..].Trim());
        cookie = new SetCookieHeader(name, value, IsExpiring(end < 0 ? default : header[(end + 1)..], now));
        return true;
    }

    private static bool IsExpiring(ReadOnlySpan<char> attributes, DateTimeOffset now)
    {
        var expiresByDate = false;
        while (!attributes.IsEmpty)
        {
            var end = attributes.IndexOf(';');
            var attribute = (end < 0 ? attributes : attributes[..end]).Trim();
            attributes = end < 0 ? default : attributes[(end + 1)..];
            var equals = attribute.IndexOf('=');
            if (equals < 0)
                continue;
            var name = attribute[..equals].TrimEnd();
            var value = attribute[(equals + 1)..].TrimStart();
            // Max-Age wins over Expires (RFC 6265 §5.3).
            if (name.Equals("Max-Age", StringComparison.OrdinalIgnoreCase)
                && long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds))
                return seconds <= 0;
            if (name.Equals("Expires", StringComparison.OrdinalIgnoreCase))
                expiresByDate = TryParseDate(value, out var date) && date <= now;
        }

        return expiresByDate;
    }

    private static bool TryParseDate(ReadOnlySpan<char> value, out DateTimeOffset date) =>
        DateTimeOffset.TryParse(
            value,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AllowWhiteSpaces | DateTimeStyles.AssumeUniversal,
            out date)
        // The form with dashes that many servers send: Thu, 01-Jan-1970 00:00:00 GMT.
        || DateTimeOffset.TryParseExact(
            value,
            ["ddd, dd-MMM-yyyy HH:mm:ss 'GMT'", "ddd, dd-MMM-yy HH:mm:ss 'GMT'"],
            CultureInfo.InvariantCulture,
            DateTimeStyles.AllowWhiteSpaces | DateTimeStyles.AssumeUniversal,
            out date);
}
