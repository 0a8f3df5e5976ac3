using System.Collections.Concurrent;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Cli;

/// <summary>An admin API that answers what the test says, and remembers what it was asked.</summary>
internal sealed class StubApi : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<StubAnswer>> _answers = new();
    private Backend? _backend;

    public ConcurrentQueue<StubRequest> Requests { get; } = new();

    public Uri Address => _backend!.Address;

    public static async Task<StubApi> StartAsync()
    {
        var api = new StubApi();
        api._backend = await Backend.StartAsync("stub", api.AnswerAsync);
        return api;
    }

    /// <summary>What a call such as "GET /api/v1/status" gets: one after the other, then always the last.</summary>
    public StubApi On(string call, params StubAnswer[] answers)
    {
        _answers[call] = new ConcurrentQueue<StubAnswer>(answers);
        return this;
    }

    public StubApi On(string call, string body) => On(call, new StubAnswer(200, body));

    private async Task AnswerAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var request = new StubRequest(
            $"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}",
            await reader.ReadToEndAsync(),
            http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        Requests.Enqueue(request);
        if (!_answers.TryGetValue($"{http.Request.Method} {http.Request.Path}", out var answers))
        {
            http.Response.StatusCode = StatusCodes.Status501NotImplemented;
            return;
        }

        StubAnswer? answer;
        lock (answers)
        {
            answers.TryPeek(out answer);
            if (answers.Count > 1)
                answers.TryDequeue(out _);
        }

        http.Response.StatusCode = answer!.Status;
        http.Response.ContentType = answer.Type;
        if (answer.Location is not null)
            http.Response.Headers.Location = answer.Location;
        await http.Response.WriteAsync(answer.Body);
    }

    public async ValueTask DisposeAsync()
    {
        if (_backend is not null)
            await _backend.DisposeAsync();
    }
}

internal sealed record StubAnswer(
    int Status, string Body, string Type = "application/json", string? Location = null)
{
    public static StubAnswer Problem(int status, string detail, string more = "") => new(
        status, $$"""{"title":"x","status":{{status}},"detail":"{{detail}}","code":"c"{{more}}}""",
        "application/problem+json");
}

internal sealed record StubRequest(string Call, string Body, IReadOnlyDictionary<string, string> Headers);
