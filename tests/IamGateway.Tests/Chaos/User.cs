using System.Diagnostics;
using System.Net.Sockets;
using System.Net;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// One user after another at one browser: logs in, works in parallel tabs, rotates, aborts and reloads, leaves. Every
/// request goes to any replica in rotation, as a load balancer without retries sends it.
/// </summary>
internal sealed class User(string name, IReadOnlyList<GatewayReplica> replicas, Tally tally, int seed)
{
    private const string CookieName = "IAM_SESSION";
    private const int Tabs = 3;
    private const int RequestsPerTab = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);
    private readonly Random _random = new(seed);
    private Session? _session;

    /// <summary>Sessions begun.</summary>
    public int Sessions { get; private set; }

    public Session? Session => Volatile.Read(ref _session);

    /// <summary>A login if there is no session, else so many requests in every tab.</summary>
    public async Task StepAsync()
    {
        if (_session is not { IsDropped: false } session)
        {
            session = new Session();
            if (!await LogInAsync(session))
            {
                await Task.Delay(100);
                return;
            }

            Sessions++;
            Volatile.Write(ref _session, session);
        }

        var tabs = Enumerable.Range(0, Tabs).Select(_ => UseAsync(session, new Random(_random.Next())));
        await Task.WhenAll(tabs.ToArray());
        if (_random.Next(6) == 0)
            Volatile.Write(ref _session, null);
    }

    private async Task<bool> LogInAsync(Session session)
    {
        KeyValuePair<string, string>[] password = [new("username", name), new("password", "demo")];
        return await SendAsync(session, HttpMethod.Get, "/login") == RequestOutcome.Ok
            && await SendAsync(session, HttpMethod.Post, "/login", form: password) == RequestOutcome.Ok
            && await SendAsync(session, HttpMethod.Post, "/otp", form: [new("code", "123456")]) == RequestOutcome.Ok;
    }

    private async Task UseAsync(Session session, Random random)
    {
        for (var i = 0; i < RequestsPerTab && !session.IsDropped; i++)
        {
            var path = random.Next(20) switch
            {
                < 9 => "/api/touch",
                < 14 => $"/slow?ms={random.Next(250)}",
                < 17 => "/rotate",
                17 => $"/stream?events={random.Next(1, 5)}&ms={random.Next(60)}",
                _ => null,
            };
            if (path is not null)
            {
                await SendAsync(session, HttpMethod.Get, path, think: random.Next(40));
                continue;
            }

            // Stopped half-way, and reloaded at once.
            path = random.Next(2) == 0 ? $"/slow?ms={random.Next(50, 400)}" : "/rotate";
            await SendAsync(session, HttpMethod.Get, path, abortAfter: random.Next(80));
            await SendAsync(session, HttpMethod.Get, path);
        }
    }

    private async Task<RequestOutcome> SendAsync(
        Session session, HttpMethod method, string path, KeyValuePair<string, string>[]? form = null, int think = 0,
        int? abortAfter = null)
    {
        // The page was made with this cookie; another tab may have got a new one when the request leaves.
        var cookie = session.Cookie;
        if (think > 0)
            await Task.Delay(think);
        if (session.IsDropped)
            return RequestOutcome.Aborted;
        var begin = Stopwatch.GetTimestamp();
        var (replica, gateway) = await PickAsync();
        using var request = new HttpRequestMessage(method, new Uri(replica.Proxy, path));
        if (form is not null)
            request.Content = new FormUrlEncodedContent(form);
        if (cookie is not null)
            request.Headers.Add("Cookie", $"{CookieName}={cookie}");
        var (outcome, detail) = await SendAsync(session, gateway, request, abortAfter);
        gateway.Exit();
        var end = Stopwatch.GetTimestamp();
        if (outcome == RequestOutcome.Failed && gateway.WasOut(begin, end))
            outcome = RequestOutcome.Killed;
        tally.Add(new RequestRecord(name, gateway, begin, end, path, outcome, detail));
        // Less than Retry-After says.
        if (outcome is RequestOutcome.Refused or RequestOutcome.Killed)
            await Task.Delay(200);
        return outcome;
    }

    private async Task<(GatewayReplica Replica, Incarnation Gateway)> PickAsync()
    {
        while (true)
        {
            var live = replicas.Where(r => r.InRotation is not null).ToArray();
            if (live.Length > 0)
            {
                var replica = live[Random.Shared.Next(live.Length)];
                if (replica.InRotation is { } gateway)
                {
                    gateway.Enter();
                    // Taken out of the rotation between the two: it may be waiting for the last request to end.
                    if (replica.InRotation == gateway)
                        return (replica, gateway);
                    gateway.Exit();
                }
            }

            await Task.Delay(5);
        }
    }

    private async Task<(RequestOutcome Outcome, string? Detail)> SendAsync(
        Session session, Incarnation gateway, HttpRequestMessage request, int? abortAfter)
    {
        using var patience = new CancellationTokenSource(
            abortAfter is { } after ? TimeSpan.FromMilliseconds(after) : Patience);
        try
        {
            using var response = await gateway.Http.SendAsync(request, patience.Token);
            var body = await response.Content.ReadAsStringAsync(patience.Token);
            if (response.Headers.TryGetValues("X-IamGateway-Refusal", out var refusal))
                return (RequestOutcome.Refused, refusal.First());
            if (response.StatusCode != HttpStatusCode.OK || body.Contains("state_too_new", StringComparison.Ordinal))
                return (RequestOutcome.Failed, $"{(int)response.StatusCode} {body}");
            Keep(session, gateway, response, tally);
            return (RequestOutcome.Ok, null);
        }
        catch (OperationCanceledException) when (abortAfter is not null)
        {
            return (RequestOutcome.Aborted, null);
        }
        catch (Exception e) when (
            e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            return (RequestOutcome.Failed, $"{e.GetType().Name} {e.Message} {e.InnerException?.Message}");
        }
    }

    private static void Keep(Session session, Incarnation gateway, HttpResponseMessage response, Tally tally)
    {
        if (!response.Headers.TryGetValues("Set-Cookie", out var cookies))
            return;
        foreach (var cookie in cookies.Where(c => c.StartsWith(CookieName + "=", StringComparison.Ordinal)))
        {
            var handle = cookie[(CookieName.Length + 1)..].Split(';')[0];
            tally.Handed(handle);
            session.Keep(handle, gateway);
        }
    }
}
