namespace IamGateway.Tests.Secrecy;

/// <summary>
/// What is kept of a secret: a hash of its beginning, which is looked for, and length and hash of the whole, which tell
/// whether it is the one.
/// </summary>
internal readonly record struct SecretMark(ulong Beginning, ulong Whole) : IComparable<SecretMark>
{
    private const ulong Factor = 0x9E3779B97F4A7C15;
    private const ulong WholeFactor = 0xC2B2AE3D27D4EB4F;
    private const int HashBits = 48;
    private static readonly ulong First = Power(Secrets.MinLength - 1);

    public int Length => (int)(Whole >> HashBits);

    public static SecretMark Of(ReadOnlySpan<char> secret)
    {
        var hash = 0ul;
        foreach (var character in secret)
            hash = (hash ^ character) * WholeFactor;
        return new(HashOf(secret), OfLength(secret.Length).Whole | hash >> (64 - HashBits));
    }

    /// <summary>Comes before all of this length, and behind all shorter ones, of the same beginning.</summary>
    public static SecretMark OfLength(int length, ulong beginning = 0) => new(beginning, (ulong)length << HashBits);

    /// <summary>Of the first characters of a text.</summary>
    public static ulong HashOf(ReadOnlySpan<char> text)
    {
        var hash = 0ul;
        foreach (var character in text[..Secrets.MinLength])
            hash = hash * Factor + character;
        return hash;
    }

    /// <summary>The same for a beginning one character further on.</summary>
    public static ulong Moved(ulong hash, char left, char entered) => (hash - left * First) * Factor + entered;

    private static ulong Power(int exponent) => exponent == 0 ? 1 : Factor * Power(exponent - 1);

    public int CompareTo(SecretMark other) =>
        Beginning != other.Beginning ? Beginning.CompareTo(other.Beginning) : Whole.CompareTo(other.Whole);
}
