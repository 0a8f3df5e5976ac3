using System.Net;
using System.Text;
using System.Text.Json;
using IamGateway.WebConsole;

namespace IamGateway.Tests.WebConsole;

/// <summary>A browser on the console, as far as its requests go.</summary>
internal sealed class ConsoleClient(Uri address) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = address };

    /// <summary>The console's cookie, name=value; null: not logged in.</summary>
    public string? Cookie { get; set; }

    /// <summary>What the last login wanted to set, with its attributes.</summary>
    public string SetCookie { get; private set; } = "";

    public static async Task<ConsoleClient> LogInAsync(Uri address, string key)
    {
        var client = new ConsoleClient(address);
        using var response = await client.TryLogInAsync(key);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return client;
    }

    public async Task<HttpResponseMessage> TryLogInAsync(string key, params (string Name, string Value)[] headers)
    {
        var response = await SendAsync("POST", "/api/v1/login", JsonSerializer.Serialize(new { key }), headers);
        if (response.Headers.TryGetValues("Set-Cookie", out var cookies))
        {
            SetCookie = Assert.Single(cookies);
            Cookie = SetCookie.Split(';')[0];
        }

        return response;
    }

    /// <summary>Sends what the page sends; a header given here is the caller's, and an empty one is left out.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        string method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        var all = new Dictionary<string, string> { [ConsolePipeline.Header] = "1", ["Sec-Fetch-Site"] = "same-origin" };
        if (Cookie is not null)
            all["Cookie"] = Cookie;
        foreach (var (name, value) in headers)
            all[name] = value;
        foreach (var (name, value) in all.Where(h => h.Value.Length > 0))
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public async Task<int> StatusAsync(
        string method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var response = await SendAsync(method, path, body, headers);
        return (int)response.StatusCode;
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var response = await SendAsync("GET", path);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    public void Dispose() => _http.Dispose();
}
