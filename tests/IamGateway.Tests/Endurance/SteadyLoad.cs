using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Endurance;

/// <summary>
/// Requests of one session at a fixed rate, a share of what gateway, instance and clients together can take. By h2load,
/// which sends when a request is due and counts what does not come back as 2xx.
/// </summary>
internal sealed partial class SteadyLoad : IAsyncDisposable
{
    private const int Connections = 16;
    private readonly ServerProcess _clients;
    private readonly int _rate;

    private SteadyLoad(ServerProcess clients, int rate) => (_clients, _rate) = (clients, rate);

    /// <summary>Every request so far was answered with 2xx. There after <see cref="StopAsync"/>.</summary>
    public bool IsClean { get; private set; }

    public static async Task<SteadyLoad> StartAsync(int port, int percent)
    {
        var cookie = await LogInAsync(port);
        await using var closed = Start(port, cookie, "-D", "10");
        await closed.Process.WaitForExitAsync();
        // The output comes on other threads.
        closed.Process.WaitForExit();
        var most = double.Parse(Match(MostPattern(), closed.Output).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        var rate = (int)(most * percent / 100);
        var seconds = (int)Lengths.Abuse.TotalSeconds;
        return new SteadyLoad(Start(port, cookie, "-D", $"{seconds}", "--rps", $"{rate / Connections}"), rate);
    }

    private static ServerProcess Start(int port, string cookie, params string[] arguments) => ServerProcess.Start(
        "h2load",
        [
            "--h1", "-t", "1", "-c", $"{Connections}", .. arguments, "-H", $"Cookie: {cookie}", "-H",
            "X-Forwarded-For: 198.51.100.200", $"http://127.0.0.1:{port}/api/me",
        ]);

    private static async Task<string> LogInAsync(int port)
    {
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        var cookie = "";
        foreach (var (path, body) in new[] { ("/login", "username=load&password=demo"), ("/otp", "code=123456") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{port}{path}")
            {
                Content = new StringContent(body, null, "application/x-www-form-urlencoded"),
            };
            request.Headers.Add("X-Forwarded-For", "198.51.100.200");
            if (cookie.Length > 0)
                request.Headers.Add("Cookie", cookie);
            using var answer = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            if (answer.Headers.TryGetValues("Set-Cookie", out var set))
                cookie = string.Join("; ", set.Select(c => c.Split(';')[0]));
        }

        return cookie;
    }

    /// <summary>Waits for the end, and says what came of it.</summary>
    public async Task<string> StopAsync()
    {
        await _clients.Process.WaitForExitAsync();
        _clients.Process.WaitForExit();
        var counts = Match(CountsPattern(), _clients.Output);
        IsClean = counts.Groups[1].ValueSpan.SequenceEqual(counts.Groups[2].ValueSpan)
            && counts.Groups[3].ValueSpan is "0" && counts.Groups[4].ValueSpan is "0";
        var codes = Match(CodesPattern(), _clients.Output).Value;
        return $"; beside them {_rate} requests a second: {counts.Value}; {codes}";
    }

    private static Match Match(Regex pattern, string output)
    {
        var match = pattern.Match(output);
        return match.Success ? match : throw new InvalidOperationException($"h2load says something else: {output}");
    }

    [GeneratedRegex(@"finished in [^,]*, ([0-9.]+) req/s")]
    private static partial Regex MostPattern();

    // Some are on their way when the time is over.
    [GeneratedRegex(
        @"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, \d+ timeout")]
    private static partial Regex CountsPattern();

    [GeneratedRegex(@"status codes: .*")]
    private static partial Regex CodesPattern();

    public ValueTask DisposeAsync() => _clients.DisposeAsync();
}
