using System.Collections.Concurrent;

namespace DemoIam;

/// <summary>Session state shared by the instances of one process.</summary>
public sealed class MemorySessionState(TimeProvider? time = null) : ISessionState
{
    private const int SweepEvery = 4096;

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(NameKind Kind, string Name), Entry> _names = new();
    private int _additions;

    public ValueTask CreateAsync(string sid, StateVersion version)
    {
        SweepSometimes();
        _sessions[sid] = new Session(version, _time.GetUtcNow());
        return ValueTask.CompletedTask;
    }

    public ValueTask<TouchResult> TouchAsync(string sid, StateVersion version, SessionChange? change = null)
    {
        if (!_sessions.TryGetValue(sid, out var session) || IsOver(session))
            return new(new TouchResult(TouchOutcome.Gone, null));

        lock (session)
        {
            var outcome = TouchOutcome.Current;
            if (session.Deleted)
                return new(new TouchResult(TouchOutcome.Gone, null));
            if (version.IsOlderThan(session.Version))
                return new(new TouchResult(TouchOutcome.TooNew, session.Snapshot()));
            if (session.Version.IsOlderThan(version))
            {
                session.Version = version;
                outcome = TouchOutcome.Migrated;
            }

            session.User = change?.User ?? session.User;
            session.Step = change?.Step ?? session.Step;
            return new(new TouchResult(outcome, session.Snapshot()));
        }
    }

    public ValueTask DeleteAsync(string sid)
    {
        if (_sessions.TryRemove(sid, out var session))
        {
            lock (session)
                session.Deleted = true;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<string?> FindAsync(NameKind kind, string name)
    {
        var found = _names.TryGetValue((kind, name), out var entry) && entry.Expires > _time.GetUtcNow() &&
            _sessions.TryGetValue(entry.Sid, out var session) && !IsOver(session);
        return new(found ? entry!.Sid : null);
    }

    public ValueTask AddNameAsync(NameKind kind, string name, string sid, TimeSpan lifetime)
    {
        SweepSometimes();
        _names[(kind, name)] = new Entry(sid, _time.GetUtcNow() + lifetime);
        return ValueTask.CompletedTask;
    }

    public ValueTask ExpireNameAsync(NameKind kind, string name, TimeSpan after)
    {
        var expires = _time.GetUtcNow() + after;
        while (_names.TryGetValue((kind, name), out var entry) && entry.Expires > expires)
        {
            if (_names.TryUpdate((kind, name), entry with { Expires = expires }, entry))
                break;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> ConsumeNameAsync(NameKind kind, string name) =>
        new(_names.TryRemove((kind, name), out var entry) && entry.Expires > _time.GetUtcNow());

    private bool IsOver(Session session) => session.CreatedAt + Lifetimes.Session <= _time.GetUtcNow();

    private void SweepSometimes()
    {
        if (Interlocked.Increment(ref _additions) % SweepEvery != 0)
            return;
        var now = _time.GetUtcNow();
        foreach (var (key, entry) in _names)
        {
            if (entry.Expires <= now || !_sessions.ContainsKey(entry.Sid))
                _names.TryRemove(key, out _);
        }

        foreach (var (sid, session) in _sessions)
        {
            if (IsOver(session))
                _sessions.TryRemove(sid, out _);
        }
    }

    private sealed record Entry(string Sid, DateTimeOffset Expires);

    private sealed class Session(StateVersion version, DateTimeOffset createdAt)
    {
        public StateVersion Version { get; set; } = version;

        public string? User { get; set; }

        public string Step { get; set; } = Steps.Login;

        public bool Deleted { get; set; }

        public DateTimeOffset CreatedAt { get; } = createdAt;

        public SessionSnapshot Snapshot() => new(Version.Text, User, Step, CreatedAt);
    }
}
