namespace IamGateway.Sessions;

/// <summary>
/// Hashes by fingerprints, without locks and without a place of its own for each: four that lie together may hold it,
/// and four others where those are taken; then a later one takes the place of a former one. Has more places when too
/// few of those that are looked for are there. What was hashed is not kept.
/// </summary>
/// <param name="least">The number of places at first, a power of two, at least four.</param>
/// <param name="most">The number of places that it may come to, a power of two.</param>
internal sealed class HashMemory(int least, int most)
{
    // With one choice, a sixteenth of half as many hashes as there are places would take each other's places again and
    // again, and with two ways a sixth.
    private const int Choices = 2;
    private const int Ways = 4;

    // Looks at one fingerprint of so many are counted, and after so many of them it is seen whether places suffice.
    private const int Sampled = 64;
    private const int Enough = 1024;

    private readonly Lock _lock = new();
    private Place[] _places = new Place[least];
    private int _looks;
    private int _misses;

    public int Places => Volatile.Read(ref _places).Length;

    public bool TryGet(UInt128 fingerprint, out UInt128 hash)
    {
        var places = Volatile.Read(ref _places);
        for (var turn = 0; turn < Choices * Ways; turn++)
        {
            if (!TryGet(ref places[NumberOf(fingerprint, turn, places)], fingerprint, out hash))
                continue;
            if (IsSampled(fingerprint))
                Interlocked.Increment(ref _looks);
            return true;
        }

        hash = default;
        return false;
    }

    private static bool TryGet(ref Place place, UInt128 fingerprint, out UInt128 hash)
    {
        var (upper, lower) = (place.Upper, place.Lower);
        hash = new UInt128(upper, lower);
        return (place.UpperCheck ^ upper) == (ulong)(fingerprint >> 64)
            && (place.LowerCheck ^ lower) == (ulong)fingerprint;
    }

    /// <summary>Remembers what was not there.</summary>
    public void Set(UInt128 fingerprint, UInt128 hash)
    {
        if (IsSampled(fingerprint))
            CountMiss();
        var places = Volatile.Read(ref _places);
        ref var place = ref PlaceFor(fingerprint, places);
        var (upper, lower) = ((ulong)(hash >> 64), (ulong)hash);
        place.Upper = upper;
        place.Lower = lower;
        place.UpperCheck = upper ^ (ulong)(fingerprint >> 64);
        place.LowerCheck = lower ^ (ulong)fingerprint;
    }

    private static ref Place PlaceFor(UInt128 fingerprint, Place[] places)
    {
        for (var turn = 0; turn < Choices * Ways; turn++)
        {
            ref var place = ref places[NumberOf(fingerprint, turn, places)];
            if (place.IsFree)
                return ref place;
        }

        return ref places[NumberOf(fingerprint, 0, places)];
    }

    private void CountMiss()
    {
        lock (_lock)
        {
            _misses++;
            if (Interlocked.Increment(ref _looks) < Enough)
                return;
            // Not carried over: to hash each once more is less work than to look at all.
            if (_misses > Interlocked.Exchange(ref _looks, 0) / 16 && _places.Length < most)
                Volatile.Write(ref _places, new Place[2 * _places.Length]);
            _misses = 0;
        }
    }

    private static bool IsSampled(UInt128 fingerprint) => (ulong)(fingerprint >> 64) % Sampled == 0;

    /// <summary>The place that is looked at in its turn: those of the first choice, then those of the second.</summary>
    private static int NumberOf(UInt128 fingerprint, int turn, Place[] places) =>
        (int)((ulong)(turn < Ways ? fingerprint : fingerprint >> 96) & (ulong)(places.Length - 1)) ^ turn % Ways;

    /// <summary>
    /// Words that are written and read one by one. Each half of the hash carries a half of the fingerprint with it, so
    /// that of halves and checks that two threads wrote at once none passes for what either meant.
    /// </summary>
    private struct Place
    {
        public ulong Upper;
        public ulong Lower;
        public ulong UpperCheck;
        public ulong LowerCheck;

        public readonly bool IsFree => (Upper | Lower) == 0;
    }
}
