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

    internal readonly record struct Entry
    {
        // 0, which no keyed hash is, where there is none: of millions of entries a word for that would be felt.
        private readonly SessionKey _root;

        public Entry(SessionKey? root, int final, long extendedAt, int staysUnder = 0) =>
            (_root, Final, ExtendedAt, StaysUnder) = (root.GetValueOrDefault(), final, extendedAt, staysUnder);

        /// <summary>The name that holds the record.</summary>
        public SessionKey? Root => _root == default ? null : _root;

        /// <summary>The ordinal the session is final at, or 0.</summary>
        public int Final { get; init; }

        /// <summary>Timestamp of the last extension in the store.</summary>
        public long ExtendedAt { get; init; }

        /// <summary>
        /// The number of the group's lease under which it was heard that the session stays below; 0: none. See
        /// <see cref="SharedLeases"/>.
        /// </summary>
        public int StaysUnder { get; init; }
    }
}

/// <summary>
/// Something remembered for names, bounded by forgetting the older half; forgetting costs a question to the store,
/// never the guarantee. In parts, so that threads seldom meet and none waits while a map of all names grows; and in
/// maps that hold values, as a million objects would keep the garbage collector at work.
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
        private readonly Lock _lock = new();
        private Dictionary<SessionKey, T> _young = [];
        private Dictionary<SessionKey, T> _old = [];

        public bool TryGet(SessionKey name, [MaybeNullWhen(false)] out T entry)
        {
            lock (_lock)
            {
                if (_young.TryGetValue(name, out entry))
                    return true;
                if (!_old.TryGetValue(name, out entry))
                    return false;
                SetYoung(name, entry);
                return true;
            }
        }

        public void Set(SessionKey name, T entry)
        {
            lock (_lock)
                SetYoung(name, entry);
        }

        private void SetYoung(SessionKey name, T entry)
        {
            _young[name] = entry;
            if (_young.Count <= capacity / 2)
                return;
            (_young, _old) = (_old, _young);
            _young.Clear();
        }

        public KeyValuePair<SessionKey, T>[] All()
        {
            lock (_lock)
                return [.. _old, .. _young];
        }
    }
}
