using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Every raw handle, key, token and password that tests use. Values below twelve characters, or of hardly any different
/// ones, are left out: they stand in outputs by chance, and no real secret is like them.
/// </summary>
internal sealed class Secrets
{
    public const int MinLength = 12;

    // Of a longer one the beginning is looked for.
    public const int MaxLength = 2048;
    private const int MinCharacters = 5;

    private readonly ConcurrentDictionary<string, byte> _values = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, byte> _shown = new(StringComparer.Ordinal);

    /// <summary>All of them, as they would stand in text, in an address and in JSON.</summary>
    public IReadOnlyCollection<string> Values => [.. _values.Keys.Except(_shown.Keys, StringComparer.Ordinal)];

    public void Add(ReadOnlySpan<char> value)
    {
        value = value.Trim();
        if (value.Length > MaxLength)
            value = value[..MaxLength];
        if (value.Length < MinLength || _values.GetAlternateLookup<ReadOnlySpan<char>>().ContainsKey(value))
            return;
        if (value.ToArray().Distinct().Count() < MinCharacters)
            return;
        // What a test has cut in two can neither be escaped nor printed.
        var text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value.ToArray()));
        foreach (var form in (string[])[text, Uri.EscapeDataString(text), JsonEncodedText.Encode(text).ToString()])
            _values.TryAdd(form, 0);
    }

    /// <summary>One that is shown on purpose.</summary>
    public void Show(string value) => _shown.TryAdd(value, 0);
}
