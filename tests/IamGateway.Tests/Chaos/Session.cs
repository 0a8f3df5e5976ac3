using System.Diagnostics;

namespace IamGateway.Tests.Chaos;

/// <summary>The session of one browser: all its tabs share the cookie.</summary>
internal sealed class Session
{
    private readonly Lock _lock = new();
    private readonly List<(Incarnation By, long At)> _issuers = [];
    private string? _cookie;
    private bool _isDropped;

    public string? Cookie
    {
        get
        {
            lock (_lock)
                return _cookie;
        }
    }

    /// <summary>Its user has gone for good.</summary>
    public bool IsDropped
    {
        get
        {
            lock (_lock)
                return _isDropped;
        }
    }

    public void Keep(string cookie, Incarnation by)
    {
        lock (_lock)
        {
            _cookie = cookie;
            _issuers.Add((by, Stopwatch.GetTimestamp()));
        }
    }

    /// <summary>
    /// Ends the session if a name of it may have been queued only, on a process that is dead: without the witness
    /// cookie such a name is lost, which is a documented limit.
    /// </summary>
    public bool DropIfAtRisk(Incarnation dead, long since)
    {
        lock (_lock)
            return _isDropped |= _issuers.Exists(i => i.By == dead && i.At >= since);
    }
}
