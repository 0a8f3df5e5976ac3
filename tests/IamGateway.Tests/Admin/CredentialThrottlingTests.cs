using System.Net.Http.Headers;
using System.Text.Json;
using IamGateway.Admin;
using IamGateway.Tests.Servers;
using IamGateway.Tests.WebConsole;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Admin;

/// <summary>Wrong keys and tokens at any endpoint: what becomes of who tries many, and of the others.</summary>
public sealed class CredentialThrottlingTests : IAsyncLifetime
{
    private const string Guesser = "203.0.113.66";
    private const string Wrong = "key-of-nobody";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private AdminServer _server = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _server = new AdminServer { Time = _time };
        await _server.InitializeAsync();
        _http = new HttpClient { BaseAddress = _server.Gateway.AdminAddress };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
    }

    // This machine is a trusted proxy of the admin listener, so it says who the client is.
    private async Task<HttpResponseMessage> SendAsync(
        string? key, string from = Guesser, string path = "/api/v1/status", string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("X-Forwarded-For", from);
        if (key is not null)
            request.Headers.Add("X-Api-Key", key);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _http.SendAsync(request);
    }

    private async Task<int> StatusAsync(
        string? key, string from = Guesser, string path = "/api/v1/status", string? token = null)
    {
        using var response = await SendAsync(key, from, path, token);
        return (int)response.StatusCode;
    }

    private async Task GuessAsync(int times = CredentialThrottle.MaxFailures, string path = "/api/v1/status")
    {
        for (var i = 0; i < times; i++)
            Assert.Equal(401, await StatusAsync($"{Wrong}-{i}", path: path));
    }

    [Fact]
    public async Task Client_AfterTooManyWrongKeys_IsToldWhenToComeBackAndNotWhetherAKeyIsRight()
    {
        await GuessAsync();
        _time.Advance(TimeSpan.FromSeconds(10));

        using var right = await SendAsync(Gateway.Key);
        using var wrong = await SendAsync(Wrong);

        var told = await Problem.AssertAsync(right, 429, "try again in 50 s");
        Assert.Equal(TimeSpan.FromSeconds(50), right.Headers.RetryAfter!.Delta);
        Assert.Equal(Members(await Problem.AssertAsync(wrong, 429, "50 s")), Members(told));
        Assert.Equal(Headers(wrong), Headers(right));
        Assert.Equal(429, await StatusAsync(Gateway.Key, path: "/api/v1/nothing"));
    }

    private static IEnumerable<string> Members(JsonElement problem) =>
        problem.EnumerateObject().Where(m => m.Name != "traceId").Select(m => m.ToString());

    private static IEnumerable<string> Headers(HttpResponseMessage response) =>
        response.Headers.Concat(response.Content.Headers).Where(h => h.Key != "Date")
            .Select(h => $"{h.Key}: {string.Join(", ", h.Value)}");

    [Fact]
    public async Task Client_ThatGoesOnGuessing_ComesInAsSoonAsTheWindowIsOver()
    {
        await GuessAsync();
        _time.Advance(TimeSpan.FromSeconds(59));
        for (var i = 0; i < 3 * CredentialThrottle.MaxFailures; i++)
            Assert.Equal(429, await StatusAsync(Wrong));

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(200, await StatusAsync(Gateway.Key));
    }

    [Fact]
    public async Task Others_WhileOneGuesses_AreNotConcerned()
    {
        using var console = await ConsoleClient.LogInAsync(_server.Gateway.AdminAddress, Gateway.Key);
        await GuessAsync();

        Assert.Equal(200, await StatusAsync(Gateway.Key, "203.0.113.67"));
        Assert.Equal(401, await StatusAsync(Wrong, "203.0.113.67"));
        // Who is logged in at the console has proven who he is, wherever he comes from.
        Assert.Equal(200, await console.StatusAsync("GET", "/api/v1/status", null, ("X-Forwarded-For", Guesser)));
        // What needs no key is answered to anyone.
        Assert.Equal(200, await StatusAsync(Wrong, path: "/metrics"));
        Assert.Equal(200, await StatusAsync(null, path: "/health/live"));
        Assert.Equal(401, await StatusAsync(null));
    }

    [Fact]
    public async Task Guesses_AtTheLoginAndElsewhere_CountTogether()
    {
        using var console = new ConsoleClient(_server.Gateway.AdminAddress);
        await GuessAsync(CredentialThrottle.MaxFailures - 2);
        // It answers to anyone, and says who one is.
        Assert.Equal(200, await StatusAsync(Wrong, path: "/api/v1/login"));
        using var last = await console.TryLogInAsync(Wrong, ("X-Forwarded-For", Guesser));
        Assert.Equal(401, (int)last.StatusCode);

        using var login = await console.TryLogInAsync(Gateway.Key, ("X-Forwarded-For", Guesser));
        using var asked = await SendAsync(Gateway.Key, path: "/api/v1/login");

        await Problem.AssertAsync(login, 429, "Too many");
        Assert.Null(console.Cookie);
        Assert.Contains("\"me\":null", await asked.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(429, await StatusAsync(Gateway.Key));
    }

    [Fact]
    public async Task RightKeys_ManyAtOnce_AreNoneTooMany()
    {
        await GuessAsync(CredentialThrottle.MaxFailures - 1);

        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => StatusAsync(Gateway.Key)));

        Assert.All(all, s => Assert.Equal(200, s));
        Assert.Equal(401, await StatusAsync(Wrong));
        Assert.Equal(429, await StatusAsync(Gateway.Key));
    }

    [Fact]
    public async Task WrongKeys_ManyAtOnce_AreNoWayRound()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => StatusAsync($"{Wrong}-{i}")));

        Assert.Equal(CredentialThrottle.MaxFailures, all.Count(s => s == 401));
        Assert.Equal(50 - CredentialThrottle.MaxFailures, all.Count(s => s == 429));
    }

    [Fact]
    public async Task Tokens_ThatAreWrong_CountLikeKeys()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        await using var server = await AdminServer.StartAsync(
            ("environment", "Development"), ("IamGateway:Admin:Jwt:Authority", provider.Issuer),
            ("IamGateway:Admin:Jwt:Audience", OpenIdProvider.Audience));
        using var other = System.Security.Cryptography.RSA.Create(2048);
        _http.Dispose();
        _http = new HttpClient { BaseAddress = server.Gateway.AdminAddress };
        // One that has expired was right once, and whoever sends it, again and again, guesses nothing.
        for (var i = 0; i < 2 * CredentialThrottle.MaxFailures; i++)
            Assert.Equal(401, await StatusAsync(null, token: provider.Token("admin", age: TimeSpan.FromHours(1))));
        Assert.Equal(200, await StatusAsync(null, token: provider.Token("viewer")));

        for (var i = 0; i < CredentialThrottle.MaxFailures; i++)
        {
            var forged = i % 2 == 0
                ? provider.Token("admin", signedBy: other)
                : provider.Token("admin", signedBy: other, age: TimeSpan.FromHours(1));
            Assert.Equal(401, await StatusAsync(null, token: forged));
        }

        using var right = await SendAsync(null, token: provider.Token("viewer"));
        await Problem.AssertAsync(right, 429, "Too many");
        Assert.Equal(429, await StatusAsync(Gateway.Key));
        Assert.Equal(200, await StatusAsync(null, "203.0.113.67", token: provider.Token("viewer")));
    }

    [Fact]
    public async Task Tokens_WhileTheirAuthorityIsAway_AreNotTakenForGuesses()
    {
        var provider = await OpenIdProvider.StartAsync();
        await using var server = await AdminServer.StartAsync(
            ("environment", "Development"), ("IamGateway:Admin:Jwt:Authority", provider.Issuer),
            ("IamGateway:Admin:Jwt:Audience", OpenIdProvider.Audience));
        var token = provider.Token("viewer");
        await provider.DisposeAsync();
        _http.Dispose();
        _http = new HttpClient { BaseAddress = server.Gateway.AdminAddress };

        for (var i = 0; i < 2 * CredentialThrottle.MaxFailures; i++)
            Assert.NotEqual(429, await StatusAsync(null, token: token));

        Assert.Equal(200, await StatusAsync(Gateway.Key));
    }
}
