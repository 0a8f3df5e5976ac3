using System.Collections.Concurrent;

namespace IamGateway.Bench.Load;

/// <summary>The sessions of the clients.</summary>
internal static class Session
{
    private const int Parallel = 32;

    public static string[] Many(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => Guid.NewGuid().ToString("n"))];

    /// <summary>What a browser sends: the session's cookie beside another one.</summary>
    public static string Cookie(string session) => $"lang=de; IAM_SESSION={session}";

    public static string Form(string session) => $"grant_type=refresh_token&client_id=app&refresh_token={session}";

    /// <summary>Begins the sessions.</summary>
    public static Task LogInAsync(int[] ports, string[] sessions) =>
        ForEachAsync(ports, sessions, s => $"/login?s={s}", withCookie: false, (_, _) => { });

    /// <summary>Uses each session once, and says which version it is at.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> VersionsAsync(int[] ports, string[] sessions)
    {
        var versions = new ConcurrentDictionary<string, string>();
        await ForEachAsync(
            ports, sessions, _ => "/small", withCookie: true,
            (session, answer) => versions[session] = answer.Headers.GetValues("X-Version").Single());
        return versions;
    }

    private static async Task ForEachAsync(
        int[] ports, string[] sessions, Func<string, string> path, bool withCookie,
        Action<string, HttpResponseMessage> look)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false });
        await System.Threading.Tasks.Parallel.ForEachAsync(
            sessions.Index(), new ParallelOptions { MaxDegreeOfParallelism = Parallel },
            async (session, cancellation) =>
            {
                var port = ports[session.Index % ports.Length];
                using var request = new HttpRequestMessage(
                    HttpMethod.Get, $"http://127.0.0.1:{port}{path(session.Item)}");
                if (withCookie)
                    request.Headers.Add("Cookie", Cookie(session.Item));
                using var answer = await client.SendAsync(request, cancellation);
                answer.EnsureSuccessStatusCode();
                look(session.Item, answer);
            });
    }
}
