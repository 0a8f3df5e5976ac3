namespace IamGateway.Tests.Chaos;

internal enum RequestOutcome
{
    Ok,

    /// <summary>The gateway itself answered, with X-IamGateway-Refusal.</summary>
    Refused,

    /// <summary>The client went away on purpose.</summary>
    Aborted,

    /// <summary>
    /// It failed, and was at work on a process that was killed or paused for longer than a request may take.
    /// </summary>
    Killed,

    Failed,
}

/// <summary>What a client saw of one request, with Stopwatch timestamps.</summary>
internal sealed record RequestRecord(
    string User, Incarnation Gateway, long Begin, long End, string Path, RequestOutcome Outcome, string? Detail);
