using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// What this replica remembers of names: where they point, whether the session is final, when the entry was last
/// extended.
/// </summary>
internal sealed class NameCache(int capacity) : NameCache<NameCache.Entry>(capacity)
{
    /// <summary>The names that are known to point to another one.</summary>
    public IEnumerable<(SessionKey Name, SessionKey Root)> Links() =>
        All().Where(e => e.Value.Root is { } root && root != e.Key).Select(e => (e.Key, e.Value.Root!.Value));

    /// <param name="Root">The name that holds the record.</param>
    /// <param name="Final">The ordinal the session is final at, or 0.</param>
    /// <param name="ExtendedAt">Timestamp of the last extension in the store.</param>
    internal readonly record struct Entry(SessionKey? Root, int Final, long ExtendedAt);
}

/// <summary>
/// Something remembered for names, bounded by forgetting the older half; forgetting costs a question to the store,
/// never the guarantee. In parts, as the map of one that is full of names grows and is exchanged for a while.
/// </summary>
internal class NameCache<T>
{
    private const int MostParts = 64;
    private const int LeastInPart = 1024;
    private readonly Part[] _parts;

    public NameCache(int capacity)
    {
        var count = capacity < MostParts * LeastInPart ? 1 : MostParts;
        _parts = [.. Enumerable.Range(0, count).Select(_ => new Part(capacity / count))];
    }

    public bool TryGet(SessionKey name, [MaybeNullWhen(false)] out T entry) => PartOf(name).TryGet(name, out entry);

    public void Set(SessionKey name, T entry) => PartOf(name).Set(name, entry);

    /// <summary>Everything that is remembered; of a name that was remembered twice, the later last.</summary>
    public IEnumerable<KeyValuePair<SessionKey, T>> All() => _parts.SelectMany(p => p.All());

    // The lower half is for the maps.
    private Part PartOf(SessionKey name) => _parts[(int)(ulong)(name.Value >> 64) & (_parts.Length - 1)];

    private sealed class Part(int capacity)
    {
        private ConcurrentDictionary<SessionKey, T> _young = new();
        private ConcurrentDictionary<SessionKey, T> _old = new();
        private int _count;

        public bool TryGet(SessionKey name, [MaybeNullWhen(false)] out T entry)
        {
            if (_young.TryGetValue(name, out entry))
                return true;
            if (!_old.TryGetValue(name, out entry))
                return false;
            Set(name, entry);
            return true;
        }

        public void Set(SessionKey name, T entry)
        {
            var young = _young;
            if (young.TryAdd(name, entry))
            {
                if (Interlocked.Increment(ref _count) > capacity / 2)
                    Turn(young);
            }
            else
            {
                young[name] = entry;
            }
        }

        public IEnumerable<KeyValuePair<SessionKey, T>> All() => _old.Concat(_young);

        private void Turn(ConcurrentDictionary<SessionKey, T> full)
        {
            var next = new ConcurrentDictionary<SessionKey, T>();
            if (Interlocked.CompareExchange(ref _young, next, full) != full)
                return;
            Volatile.Write(ref _old, full);
            Volatile.Write(ref _count, 0);
        }
    }
}
