using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace IamGateway.Routing;

/// <summary>
/// The embedded store's routing state. With a file it survives a restart, so that sessions whose pins are lost still go
/// to the newest version that ever was active.
/// </summary>
internal sealed class MemoryRoutingStore : IRoutingStore
{
    private const int MaxEvents = 10_000;
    private readonly Lock _lock = new();
    private readonly string? _file;
    private readonly ImmutableArray<string> _runIds = [RoutingState.RandomTag()];
    private readonly Queue<AuditEvent> _events = [];
    private RoutingState? _state;
    private long _lastEvent;
    private Action? _changed;

    /// <exception cref="InvalidDataException">The file is no routing state, or cannot be read and written.</exception>
    public MemoryRoutingStore(string? file)
    {
        _file = string.IsNullOrEmpty(file) ? null : file;
        if (_file is null)
            return;
        try
        {
            if (File.Exists(_file))
                _state = Read(_file);
            // Found out now and not with the first change.
            if (Directory.Exists(_file))
                throw new IOException("it is a directory");
            File.Delete(_file + ".new");
            File.Create(_file + ".new", 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"it cannot be read and written: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static RoutingState Read(string file)
    {
        const string Broken = "it is not a routing state written by this gateway; restore it or remove it";
        try
        {
            var state = JsonSerializer.Deserialize<RoutingState>(File.ReadAllBytes(file), RoutingJson.Options);
            return state is { Versions.IsDefaultOrEmpty: false } && state.Active.Any()
                ? state
                : throw new InvalidDataException(Broken);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(Broken, e);
        }
    }

    public ValueTask<StoredRouting> ReadAsync(RoutingState? known)
    {
        lock (_lock)
            return new(new StoredRouting(_state, _runIds));
    }

    public ValueTask<bool> TryWriteAsync(RoutingState? expected, RoutingState next, IReadOnlyList<AuditEvent> events)
    {
        lock (_lock)
        {
            if (_state?.Generation.Tag != expected?.Generation.Tag || _state?.Sequence != expected?.Sequence)
                return new(false);
            Save(next);
            _state = next;
            foreach (var e in events)
            {
                _events.Enqueue(e with { Id = (++_lastEvent).ToString(CultureInfo.InvariantCulture) });
                if (_events.Count > MaxEvents)
                    _events.Dequeue();
            }
        }

        _changed?.Invoke();
        return new(true);
    }

    // Written aside and renamed: a crash leaves the old state or the new one, never half of one.
    private void Save(RoutingState state)
    {
        if (_file is null)
            return;
        var aside = _file + ".new";
        using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(stream, state, RoutingJson.Options);
            stream.Flush(flushToDisk: true);
        }

        File.Move(aside, _file, overwrite: true);
    }

    public ValueTask<IReadOnlyList<AuditEvent>> ReadEventsAsync(string? after, int limit)
    {
        lock (_lock)
        {
            if (string.IsNullOrEmpty(after))
                return new(_events.TakeLast(limit).ToArray());
            _ = long.TryParse(after, CultureInfo.InvariantCulture, out var last);
            return new(_events.Where(e => long.Parse(e.Id, CultureInfo.InvariantCulture) > last).Take(limit).ToArray());
        }
    }

    public ValueTask SubscribeAsync(Action changed)
    {
        _changed += changed;
        return ValueTask.CompletedTask;
    }
}
