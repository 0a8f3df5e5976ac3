namespace IamGateway.Sessions;

/// <summary>
/// Hashes by fingerprints, without locks and without a place of its own for each: two may hold it, and a later one
/// takes the place of a former one. What was hashed is not kept.
/// </summary>
/// <param name="size">The number of places, a power of two and not one.</param>
internal sealed class HashMemory(int size)
{
    private readonly Place[] _places = new Place[size];

    public bool TryGet(UInt128 fingerprint, out UInt128 hash)
    {
        var number = NumberOf(fingerprint);
        return TryGet(ref _places[number], fingerprint, out hash)
            || TryGet(ref _places[number ^ 1], fingerprint, out hash);
    }

    private static bool TryGet(ref Place place, UInt128 fingerprint, out UInt128 hash)
    {
        var (upper, lower) = (place.Upper, place.Lower);
        hash = new UInt128(upper, lower);
        return (place.UpperCheck ^ upper) == (ulong)(fingerprint >> 64)
            && (place.LowerCheck ^ lower) == (ulong)fingerprint;
    }

    public void Set(UInt128 fingerprint, UInt128 hash)
    {
        var number = NumberOf(fingerprint);
        if (!_places[number].IsFree && _places[number ^ 1].IsFree)
            number ^= 1;
        ref var place = ref _places[number];
        var (upper, lower) = ((ulong)(hash >> 64), (ulong)hash);
        place.Upper = upper;
        place.Lower = lower;
        place.UpperCheck = upper ^ (ulong)(fingerprint >> 64);
        place.LowerCheck = lower ^ (ulong)fingerprint;
    }

    private int NumberOf(UInt128 fingerprint) => (int)((ulong)fingerprint & (ulong)(_places.Length - 1));

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
