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
/// never the guarantee.
/// </summary>
internal class NameCache<T>(int capacity)
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

    /// <summary>Everything that is remembered; of a name that was remembered twice, the later last.</summary>
    public IEnumerable<KeyValuePair<SessionKey, T>> All() => _old.Concat(_young);

    private void Turn(ConcurrentDictionary<SessionKey, T> full)
    {
        if (Interlocked.CompareExchange(ref _young, new ConcurrentDictionary<SessionKey, T>(), full) != full)
            return;
        Volatile.Write(ref _old, full);
        Volatile.Write(ref _count, 0);
    }
}
