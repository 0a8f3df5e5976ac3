using System.Net;

namespace IamGateway.Tests.Histories;

/// <summary>
/// One user's browser: all its tabs share the session cookie. Whatever is no answer of the IAM to a logged-in user is a
/// failure.
/// </summary>
internal sealed class Browser(HttpMessageInvoker http, Func<Uri> proxy, string user)
{
    private const string CookieName = "IAM_SESSION";
    private string? _cookie;

    /// <summary>Every session cookie value it was ever given.</summary>
    public IReadOnlyCollection<string> Handles => _handles;

    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _handles = new();

    /// <summary>The session cookie as the browser would send it now.</summary>
    public string Cookie => $"{CookieName}={Volatile.Read(ref _cookie)}";

    /// <summary>Logs in, in three steps with a new session ID at each.</summary>
    public async Task LogInAsync()
    {
        await SendAsync(HttpMethod.Get, "/login");
        await SendAsync(HttpMethod.Post, "/login", ("username", user), ("password", "demo"));
        await SendAsync(HttpMethod.Post, "/otp", ("code", "123456"));
    }

    /// <summary>Sends a request and reads the whole answer; throws on anything but 2xx.</summary>
    public async Task<string> SendAsync(HttpMethod method, string path, params (string Name, string Value)[] form)
    {
        using var request = new HttpRequestMessage(method, new Uri(proxy(), path));
        if (form.Length > 0)
            request.Content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        if (Volatile.Read(ref _cookie) is { } cookie)
            request.Headers.Add("Cookie", $"{CookieName}={cookie}");
        using var response = await http.SendAsync(request, CancellationToken.None);
        var body = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.OK)
            throw new FailedRequestException(
                $"{method} {path}: {(int)response.StatusCode} {body}", response.StatusCode);
        Keep(response);
        return body;
    }

    private void Keep(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("Set-Cookie", out var cookies))
            return;
        foreach (var cookie in cookies.Where(c => c.StartsWith(CookieName + "=", StringComparison.Ordinal)))
        {
            var value = cookie[(CookieName.Length + 1)..].Split(';')[0];
            _handles.Enqueue(value);
            Volatile.Write(ref _cookie, value);
        }
    }
}

internal sealed class FailedRequestException(string message, HttpStatusCode status) : Exception(message)
{
    public HttpStatusCode Status { get; } = status;
}
