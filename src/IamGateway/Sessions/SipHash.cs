using System.Buffers.Binary;
using System.Numerics;

namespace IamGateway.Sessions;

/// <summary>
/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): who does not
/// have the key cannot make two inputs meet. Who has it may find the input, so what comes out stays in this process.
/// </summary>
internal static class SipHash
{
    public const int KeySize = 16;

    public static UInt128 Compute(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data)
    {
        var k0 = BinaryPrimitives.ReadUInt64LittleEndian(key);
        var k1 = BinaryPrimitives.ReadUInt64LittleEndian(key[8..]);
        var state = new State(k0, k1);
        // The last block holds what is left and, in its highest byte, the length.
        var last = (ulong)data.Length << 56;
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..])
            state.Add(BinaryPrimitives.ReadUInt64LittleEndian(data));
        for (var i = 0; i < data.Length; i++)
            last |= (ulong)data[i] << (8 * i);
        state.Add(last);
        return state.End();
    }

    private struct State(ulong k0, ulong k1)
    {
        private ulong _v0 = k0 ^ 0x736F6D6570736575;
        private ulong _v1 = k1 ^ 0x646F72616E646F6D ^ 0xEE;
        private ulong _v2 = k0 ^ 0x6C7967656E657261;
        private ulong _v3 = k1 ^ 0x7465646279746573;

        public void Add(ulong block)
        {
            _v3 ^= block;
            Mix(2);
            _v0 ^= block;
        }

        public UInt128 End()
        {
            _v2 ^= 0xEE;
            Mix(4);
            var first = _v0 ^ _v1 ^ _v2 ^ _v3;
            _v1 ^= 0xDD;
            Mix(4);
            return new UInt128(_v0 ^ _v1 ^ _v2 ^ _v3, first);
        }

        private void Mix(int rounds)
        {
            var (v0, v1, v2, v3) = (_v0, _v1, _v2, _v3);
            for (var i = 0; i < rounds; i++)
            {
                v0 += v1;
                v2 += v3;
                v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
                v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
                v0 = BitOperations.RotateLeft(v0, 32);
                v2 += v1;
                v0 += v3;
                v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
                v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
                v2 = BitOperations.RotateLeft(v2, 32);
            }

            (_v0, _v1, _v2, _v3) = (v0, v1, v2, v3);
        }
    }
}
