using CsCheck;
using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Tests.Pins;

public sealed class NameCacheTests
{
    [Fact]
    public void TryGet_NameThatWasSet_GivesTheLastEntry()
    {
        var cache = new NameCache(100);
        cache.Set(Key(1), new(Key(1), 0, 5));
        cache.Set(Key(1), new(Key(7), 2, 6));

        Assert.True(cache.TryGet(Key(1), out var entry));
        Assert.Equal(new NameCache.Entry(Key(7), 2, 6), entry);
        Assert.False(cache.TryGet(Key(2), out _));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(1000)]
    public void Set_FloodOfNames_HoldsAtMostItsCapacityAndOne(int capacity)
    {
        var cache = new NameCache(capacity);
        for (ulong i = 0; i < 5000; i++)
        {
            cache.Set(Key(i), new(Key(i), 0, 0));
            Assert.True(cache.TryGet(Key(i), out _) || capacity == 2);
        }

        // The youngest first, so that looking does not push out what is yet to be counted.
        var held = Enumerable.Range(0, 5000).Reverse().Count(i => cache.TryGet(Key((ulong)i), out _));
        Assert.InRange(held, 1, capacity + 1);
    }

    [Fact]
    public void Set_NamesInUse_OutliveTheFlood()
    {
        var cache = new NameCache(100);
        cache.Set(Key(0), new(Key(0), 3, 0));
        for (ulong i = 1; i < 5000; i++)
        {
            cache.Set(Key(i), new(Key(i), 0, 0));
            if (i % 20 == 0)
                Assert.True(cache.TryGet(Key(0), out _));
        }

        Assert.True(cache.TryGet(Key(0), out var entry));
        Assert.Equal(3, entry.Final);
    }

    [Fact]
    public void TryGet_AnyUse_ForgetsOrGivesTheLastEntryButNeverAnOlderOne() =>
        Gen.Select(Gen.Int[2, 20], Gen.Select(Gen.Bool, Gen.Int[0, 30]).Array[0, 200]).Sample((capacity, uses) =>
        {
            var cache = new NameCache(capacity);
            var last = new Dictionary<int, int>();
            for (var i = 0; i < uses.Length; i++)
            {
                var (write, name) = uses[i];
                if (write)
                    cache.Set(Key((ulong)name), new(null, last[name] = i, 0));
                else if (cache.TryGet(Key((ulong)name), out var entry))
                    Assert.Equal(last[name], entry.Final);
            }
        });

    [Fact]
    public void SetAndTryGet_FromManyThreads_GiveNobodyAnotherNamesEntry()
    {
        var cache = new NameCache(64);
        Parallel.For(0, 200_000, i =>
        {
            var key = Key((ulong)(i % 500) + 1);
            cache.Set(key, new(key, 0, 0));
            if (cache.TryGet(key, out var entry))
                Assert.Equal(key, entry.Root);
        });
    }

    [Fact]
    public void Set_AsManyAsHalfItsCapacity_AreAllRemembered()
    {
        var cache = new NameCache(200_000);
        var keys = new SessionKey[80_000];
        for (var i = 0; i < keys.Length; i++)
        {
            // As evenly spread as hashes are.
            keys[i] = new SessionKey((UInt128)((ulong)i * 0x9e37_79b9_7f4a_7c15) << 64 | (uint)i);
            cache.Set(keys[i], new(null, i, 0));
        }

        Assert.All(keys.Index(), k => Assert.True(cache.TryGet(k.Item, out var e) && e.Final == k.Index));
        Assert.Equal(keys.Length, cache.All().DistinctBy(e => e.Key).Count());
    }

    private static SessionKey Key(ulong value) => new(value);
}
