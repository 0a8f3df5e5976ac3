using System.Collections.Concurrent;

namespace IamGateway.Bench.Load;

/// <summary>
/// Whose turn it is: clients go on behind the session that came last, or only the first ones of a million would ever
/// come.
/// </summary>
internal static class Turn
{
    private static readonly ConcurrentDictionary<string, long> Sent = new();

    /// <summary>How many requests were sent with the sessions of a file.</summary>
    public static long Of(string sessionFile) => Sent.GetValueOrDefault(sessionFile);

    public static void Went(string sessionFile, long requests) =>
        Sent.AddOrUpdate(sessionFile, requests, (_, sent) => sent + requests);
}
