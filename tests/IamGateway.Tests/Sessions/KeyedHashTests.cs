using System.Buffers.Binary;
using System.Security.Cryptography;
using CsCheck;
using IamGateway.Sessions;

namespace IamGateway.Tests.Sessions;

public sealed class KeyedHashTests
{
    [Fact]
    public void Compute_AnyKeyAndData_IsTheSameHmacEachTime() => Gen.Byte.Array[0, 40].Array[3].Select(
        Gen.Byte.Array[0, 300].Array[20]).Sample((keys, data) =>
    {
        // The keys alternate, and all come again.
        for (var round = 0; round < 2; round++)
        {
            foreach (var bytes in data)
            {
                foreach (var key in keys)
                    Assert.Equal(Hmac(key, bytes), KeyedHash.Compute(key, bytes));
            }
        }
    }, iter: 20);

    /// <summary>The vectors of the authors; OpenSSL's SIPHASH says the same.</summary>
    [Theory]
    [InlineData(0, "a3817f04ba25a8e66df67214c7550293")]
    [InlineData(1, "da87c1d86b99af44347659119b22fc45")]
    [InlineData(15, "5493e99933b0a8117e08ec0f97cfc3d9")]
    [InlineData(40, "df6a301e95c95dad97ae0cc8c6913bd8")]
    public void SipHash_CountedBytes_IsTheKnownHash(int length, string expected)
    {
        var key = Enumerable.Range(0, SipHash.KeySize).Select(i => (byte)i).ToArray();
        var data = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var hash = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(hash, SipHash.Compute(key, data));

        Assert.Equal(expected, Convert.ToHexStringLower(hash));
    }

    [Fact]
    public void HashMemory_FewPlacesAndManyThreads_SaysWhatWasSetOrNothing()
    {
        const int Names = 64;
        var pairs = Enumerable.Range(0, Names).Select(n => (Pair(n, 1), Pair(n, 2))).ToArray();
        var memory = new HashMemory(4, 4);
        var known = 0;
        Parallel.For(0, 8, thread =>
        {
            for (var i = 0; i < 200_000; i++)
            {
                var (fingerprint, hash) = pairs[(i * 7 + thread * 13) % Names];
                if (!memory.TryGet(fingerprint, out var found))
                {
                    memory.Set(fingerprint, hash);
                    // Unless another thread has taken its place.
                    if (!memory.TryGet(fingerprint, out found))
                        continue;
                }

                Assert.Equal(hash, found);
                Interlocked.Increment(ref known);
            }
        });

        Assert.True(known > 0);
    }

    [Fact]
    public void HashMemory_SetOnce_KnowsThatOneAndNoOther()
    {
        var memory = new HashMemory(4, 4);
        memory.Set(Pair(1, 1), Pair(1, 2));

        Assert.True(memory.TryGet(Pair(1, 1), out var found));
        Assert.Equal(Pair(1, 2), found);
        Assert.False(memory.TryGet(Pair(2, 1), out _));
        // Half of a fingerprint is none.
        Assert.False(memory.TryGet(Pair(1, 1) ^ UInt128.One, out _));
        Assert.False(memory.TryGet(Pair(1, 1) ^ (UInt128.One << 127), out _));
    }

    /// <summary>The number of places follows what comes again, and not how often it comes.</summary>
    [Theory]
    [InlineData(10, 64, 64)]
    [InlineData(400, 512, 2048)]
    [InlineData(20_000, 4096, 4096)]
    public void HashMemory_NamesThatComeAgain_HasPlacesForThem(int names, int least, int most)
    {
        var memory = new HashMemory(64, 4096);
        var fingerprints = Enumerable.Range(0, names).Select(n => Pair(n, 1)).ToArray();
        for (var i = 0; i < 1_000_000; i++)
        {
            if (!memory.TryGet(fingerprints[i % names], out _))
                memory.Set(fingerprints[i % names], fingerprints[i % names]);
        }

        Assert.InRange(memory.Places, least, most);
        var known = fingerprints.Count(f => memory.TryGet(f, out _));
        Assert.True(known > Math.Min(names, memory.Places) * 3 / 4, $"{known}");
    }

    [Fact]
    public void HashMemory_HalfAsManyNamesAsPlaces_AreAlmostAllThereWhenTheyComeAgain()
    {
        const int Names = 1000;
        var memory = new HashMemory(2 * 1024, 2 * 1024);
        var fingerprints = Enumerable.Range(0, Names).Select(n => Pair(n, 1)).ToArray();
        var misses = 0;
        for (var i = 0; i < 10 * Names; i++)
        {
            if (memory.TryGet(fingerprints[i % Names], out _))
                continue;
            memory.Set(fingerprints[i % Names], UInt128.One);
            misses += i < 9 * Names ? 0 : 1;
        }

        // With one choice it would be every sixteenth.
        Assert.InRange(misses, 0, Names / 50);
    }

    private static UInt128 Pair(int number, int part) => BinaryPrimitives.ReadUInt128BigEndian(
        SHA256.HashData([(byte)number, (byte)(number >> 8), (byte)part]));

    private static UInt128 Hmac(byte[] key, byte[] data) =>
        BinaryPrimitives.ReadUInt128BigEndian(HMACSHA256.HashData(key, data));
}
