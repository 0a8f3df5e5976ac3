using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace IamGateway.Sessions;

/// <summary>
/// A handle's name in the store: HMAC-SHA-256 over rule name and value, cut to 128 bits. The value cannot be had from
/// it, so it may be shown to operators.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SessionKey(UInt128 Value) : IComparable<SessionKey>
{
    public const int Size = 16;

    /// <summary>Into so many groups sessions fall by their names.</summary>
    public const int Groups = 1024;

    private const int MaxOnStack = 256;

    /// <summary>The key of a handle's value under one rule; values of different rules never meet.</summary>
    public static SessionKey Of(ReadOnlySpan<byte> secret, string ruleName, ReadOnlySpan<char> value)
    {
        var length = Encoding.UTF8.GetMaxByteCount(ruleName.Length + 1 + value.Length);
        byte[]? rented = null;
        var buffer = length <= MaxOnStack
            ? stackalloc byte[MaxOnStack]
            : rented = System.Buffers.ArrayPool<byte>.Shared.Rent(length);
        var written = Encoding.UTF8.GetBytes(ruleName, buffer);
        buffer[written++] = 0;
        written += Encoding.UTF8.GetBytes(value, buffer[written..]);
        var key = new SessionKey(KeyedHash.Compute(secret, buffer[..written]));
        CryptographicOperations.ZeroMemory(buffer[..written]);
        if (rented is not null)
            System.Buffers.ArrayPool<byte>.Shared.Return(rented);
        return key;
    }

    public static SessionKey Read(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    public void Write(Span<byte> bytes) => BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);

    public static bool TryParse(string? text, out SessionKey key)
    {
        key = default;
        if (text is not { Length: Size * 2 }
            || !UInt128.TryParse(text, System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value))
            return false;
        key = new SessionKey(value);
        return true;
    }

    /// <summary>
    /// The group of sessions that it belongs to, from 0: its first byte and the last two bits of the second.
    /// </summary>
    public int Group => (int)(uint)(Value >> 120) << 2 | (int)(uint)(Value >> 112) & 3;

    /// <summary>Stands for all sessions of a group.</summary>
    public static SessionKey OfGroup(int group) => new((UInt128)(group >> 2) << 120 | (UInt128)(group & 3) << 112);

    public int CompareTo(SessionKey other) => Value.CompareTo(other.Value);

    /// <summary>Every part of a keyed hash is as good as another one.</summary>
    public override int GetHashCode() => (int)(ulong)Value;

    public override string ToString() => Value.ToString("x32", null);
}
