using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// On which instances sessions live. Beyond the capacity none is noted; such a session is unknown to the next request.
/// </summary>
internal sealed partial class MemoryPinStore
{
    private readonly Dictionary<SessionKey, Place> _places = [];

    public ValueTask<string?> PlaceOfAsync(SessionKey name)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            return new(PlaceOf(Root(name, now), now));
        }
    }

    private string? PlaceOf(SessionKey root, DateTimeOffset now) =>
        _places.TryGetValue(root, out var place) && place.ExpiresAt > now ? place.Instance : null;

    public ValueTask<string?> ReplaceAsync(ClaimTerms terms, SessionKey name, string instance, string instead)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var root = Root(name, now);
            if (PlaceOf(root, now) == instead)
                Put(root, instance, now, terms);
            return new(PlaceOf(root, now));
        }
    }

    public ValueTask PlaceAsync(ClaimTerms terms, SessionKey name, string instance)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            Put(Root(name, now), instance, now, terms);
        }

        return ValueTask.CompletedTask;
    }

    private void ApplyPlace(ClaimTerms terms, StoreWrite write, SessionKey root, DateTimeOffset now)
    {
        var place = PlaceOf(root, now);
        switch (write.Kind)
        {
            case StoreWriteKind.Place:
                Put(root, write.Instance!, now, terms);
                break;
            case StoreWriteKind.PlaceAgain when place is null:
                Put(root, write.Instance!, now, terms);
                break;
            case StoreWriteKind.PlaceRefresh when place is not null:
                Put(root, place, now, terms);
                break;
            case StoreWriteKind.PlaceEnd:
                _places.Remove(root);
                break;
        }
    }

    private void Put(SessionKey root, string instance, DateTimeOffset now, ClaimTerms terms)
    {
        if (_places.Count >= capacity && !_places.ContainsKey(root))
        {
            foreach (var (key, place) in _places)
            {
                if (place.ExpiresAt <= now)
                    _places.Remove(key);
            }

            if (_places.Count >= capacity)
            {
                metrics.StoreFull();
                return;
            }
        }

        _places[root] = new Place(instance, now + terms.SessionTtl);
    }

    public ValueTask<IReadOnlyDictionary<string, long>> CountPlacesAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            return new(_places.Values.Where(p => p.ExpiresAt > now).GroupBy(p => p.Instance)
                .ToDictionary(g => g.Key, g => g.LongCount()));
        }
    }

    private readonly record struct Place(string Instance, DateTimeOffset ExpiresAt);
}
