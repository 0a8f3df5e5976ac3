using System.Security.Cryptography;

namespace IamGateway.Sessions;

/// <summary>
/// HMAC-SHA-256 (RFC 2104) with a key that stays the same for long: each thread keeps the state that the key makes,
/// which costs more than to hash a handle.
/// </summary>
internal static class KeyedHash
{
    public const int Size = HMACSHA256.HashSizeInBytes;
    private static readonly ThreadLocal<Keyed?> Kept = new();

    public static void Compute(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> hash)
    {
        var keyed = Kept.Value;
        if (keyed is null || !keyed.Key.AsSpan().SequenceEqual(key))
        {
            keyed?.Hash.Dispose();
            Kept.Value = keyed = new Keyed(key.ToArray(), IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key));
        }

        keyed.Hash.AppendData(data);
        keyed.Hash.GetHashAndReset(hash);
    }

    private sealed record Keyed(byte[] Key, IncrementalHash Hash);
}
