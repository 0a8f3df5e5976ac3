using System.Buffers.Binary;
using System.Security.Cryptography;

namespace IamGateway.Sessions;

/// <summary>
/// HMAC-SHA-256 (RFC 2104), cut to 128 bits, with a key that stays the same for long. What was hashed lately is
/// remembered by a fingerprint, for a session's handle comes again and again and HMAC takes several times as long as
/// all other looks at it; each thread keeps the state that the key makes, which costs more than to hash a handle.
/// </summary>
internal static class KeyedHash
{
    // 1 MB at first, and 64 where a million sessions come again and again.
    private const int LeastRemembered = 32 * 1024;
    private const int MostRemembered = 2 * 1024 * 1024;

    private static readonly byte[] ProcessKey = RandomNumberGenerator.GetBytes(SipHash.KeySize);
    private static readonly HashMemory Memory = new(LeastRemembered, MostRemembered);
    private static readonly ThreadLocal<Keyed?> Kept = new();

    public static UInt128 Compute(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data)
    {
        var keyed = Kept.Value;
        if (keyed is null || !keyed.Key.AsSpan().SequenceEqual(key))
        {
            keyed?.Dispose();
            Kept.Value = keyed = new Keyed(key.ToArray());
        }

        var fingerprint = SipHash.Compute(keyed.Fingerprints, data);
        if (Memory.TryGet(fingerprint, out var hash))
            return hash;
        hash = keyed.Compute(data);
        Memory.Set(fingerprint, hash);
        return hash;
    }

    private sealed class Keyed(byte[] key) : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);

        public byte[] Key { get; } = key;

        /// <summary>The key of fingerprints, another one for each key and each process.</summary>
        public byte[] Fingerprints { get; } = HMACSHA256.HashData(ProcessKey, key)[..SipHash.KeySize];

        public UInt128 Compute(ReadOnlySpan<byte> data)
        {
            Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
            _hash.AppendData(data);
            _hash.GetHashAndReset(hash);
            return BinaryPrimitives.ReadUInt128BigEndian(hash);
        }

        public void Dispose() => _hash.Dispose();
    }
}
