using System.Buffers;
using System.Text;
using System.Text.Json;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Every raw handle, key, token and password that tests use; only hashes are kept, so that a million takes little room.
/// Values below twelve characters, or of hardly any different ones, are left out: they stand in outputs by chance, and
/// no real secret is like them.
/// </summary>
internal sealed class Secrets
{
    public const int MinLength = 12;

    // Of a longer one the beginning is looked for.
    public const int MaxLength = 2048;
    private const int MinCharacters = 5;

    private static readonly SearchValues<char> SameInEveryForm =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~");

    private readonly Lock _lock = new();
    private readonly HashSet<SecretMark> _all = [];
    private readonly HashSet<SecretMark> _shown = [];

    /// <summary>How many there are, each form counted.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _all.Count;
        }
    }

    /// <summary>Takes one in as it would stand in text, in an address and in JSON; false: nothing new.</summary>
    public bool Add(ReadOnlySpan<char> value)
    {
        value = Trimmed(value);
        if (value.Length < MinLength || HasFewCharacters(value) || !Keep(value))
            return false;
        if (!value.ContainsAnyExcept(SameInEveryForm))
            return true;
        // What a test has cut in two can neither be escaped nor printed.
        var bytes = Encoding.UTF8.GetBytes(value.ToArray());
        var text = Encoding.UTF8.GetString(bytes);
        Keep(text);
        Keep(Uri.EscapeDataString(text));
        Keep(JsonEncodedText.Encode(text).ToString());
        // As outputs that are no text are read.
        Keep(Encoding.Latin1.GetString(bytes));
        return true;
    }

    public bool Contains(string value)
    {
        lock (_lock)
            return value.Length >= MinLength && _all.Contains(SecretMark.Of(Trimmed(value)));
    }

    /// <summary>One that is shown on purpose.</summary>
    public void Show(string value)
    {
        lock (_lock)
            _shown.Add(SecretMark.Of(Trimmed(value)));
    }

    /// <summary>All that may not be shown, in order.</summary>
    public SecretMark[] Sorted()
    {
        SecretMark[] all;
        lock (_lock)
            all = [.. _all.Where(s => !_shown.Contains(s))];
        Array.Sort(all);
        return all;
    }

    private bool Keep(ReadOnlySpan<char> form)
    {
        var mark = SecretMark.Of(form.Length > MaxLength ? form[..MaxLength] : form);
        lock (_lock)
            return _all.Add(mark);
    }

    private static ReadOnlySpan<char> Trimmed(ReadOnlySpan<char> value)
    {
        value = value.Trim();
        return value.Length > MaxLength ? value[..MaxLength] : value;
    }

    private static bool HasFewCharacters(ReadOnlySpan<char> value)
    {
        Span<char> different = stackalloc char[MinCharacters];
        var count = 0;
        foreach (var character in value)
        {
            if (different[..count].Contains(character))
                continue;
            different[count++] = character;
            if (count == MinCharacters)
                return false;
        }

        return true;
    }
}
