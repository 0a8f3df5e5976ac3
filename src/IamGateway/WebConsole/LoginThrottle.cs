namespace IamGateway.WebConsole;

/// <summary>Lets a client try a few keys a minute. Each replica counts for itself.</summary>
internal sealed class LoginThrottle(TimeProvider time)
{
    public const int MaxFailures = 10;
    public const int MaxClients = 10_000;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private readonly Dictionary<string, (int Failures, long Since)> _clients = [];
    private readonly Lock _lock = new();

    /// <summary>Counts a try beforehand, so that many at once are no way round; null, or how long to wait.</summary>
    public TimeSpan? Begin(string client)
    {
        lock (_lock)
        {
            var known = _clients.TryGetValue(client, out var tries) && time.GetElapsedTime(tries.Since) < Window;
            if (!known)
                tries = (0, time.GetTimestamp());
            if (tries.Failures >= MaxFailures)
                return Window - time.GetElapsedTime(tries.Since);
            if (!known && _clients.Count >= MaxClients)
                _clients.Remove(_clients.MinBy(c => c.Value.Since).Key);
            _clients[client] = tries with { Failures = tries.Failures + 1 };
            return null;
        }
    }

    /// <summary>The try was none of a stranger.</summary>
    public void Succeeded(string client)
    {
        lock (_lock)
        {
            if (_clients.TryGetValue(client, out var tries))
                _clients[client] = tries with { Failures = Math.Max(0, tries.Failures - 1) };
        }
    }
}
