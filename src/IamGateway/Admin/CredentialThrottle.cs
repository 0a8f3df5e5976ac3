namespace IamGateway.Admin;

/// <summary>
/// Lets a client present a few wrong keys and tokens a minute, at whatever endpoint. Each replica counts for itself.
/// </summary>
internal sealed partial class CredentialThrottle(TimeProvider time, ILogger<CredentialThrottle> logger)
{
    public const int MaxFailures = 10;
    public const int MaxClients = 10_000;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private readonly Dictionary<string, (int Failures, long Since)> _clients = [];
    private readonly Lock _lock = new();

    /// <summary>
    /// Null: what the client presented counts, as right or wrong as it is; else how long the client has to wait, and
    /// then it must not learn which of the two it was. Asked when that is known, so that many at once are no way round,
    /// and many right ones at once are none too many. Waiting does not become longer by further tries.
    /// </summary>
    public TimeSpan? Judge(string client, bool isWrong)
    {
        lock (_lock)
        {
            var known = _clients.TryGetValue(client, out var tries) && time.GetElapsedTime(tries.Since) < Window;
            if (known && tries.Failures >= MaxFailures)
                return Window - time.GetElapsedTime(tries.Since);
            if (!isWrong)
                return null;
            if (!known)
                tries = (0, time.GetTimestamp());
            if (_clients.Count >= MaxClients && !_clients.ContainsKey(client))
                _clients.Remove(_clients.MinBy(c => c.Value.Since).Key);
            _clients[client] = tries with { Failures = tries.Failures + 1 };
            if (tries.Failures + 1 == MaxFailures)
                Log.Throttled(logger, client, MaxFailures, (int)Window.TotalSeconds);
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            8001, LogLevel.Warning,
            "'{Client}' has presented {Count} wrong keys or tokens within {Seconds} s; until these are over, none of "
            + "it counts.")]
        public static partial void Throttled(ILogger logger, string client, int count, int seconds);
    }
}
