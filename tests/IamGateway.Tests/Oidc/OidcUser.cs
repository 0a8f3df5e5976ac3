using System.Net.Sockets;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace IamGateway.Tests.Oidc;

/// <summary>
/// One user with a browser, and the server of the relying party that the user logs in to. Both send each request to
/// any replica; only the browser has cookies. How the provider's pages are gone through is the product's.
/// </summary>
internal abstract class OidcUser(OidcUserArguments arguments)
{
    private const string Callback = "http://rp.example.test/callback";
    private const string Verifier = "a-verifier-that-is-long-enough-for-the-standard-43";
    private const string Challenge = "code_challenge_method=S256&code_challenge=";
    private static readonly Uri Issuer = new("http://op.example.test/");
    private static readonly string Basic =
        Convert.ToBase64String(Encoding.UTF8.GetBytes("rp:secret-of-the-relying-party"));

    private readonly HttpMessageInvoker _http = arguments.Http;
    private readonly OidcCount _count = arguments.Count;
    private readonly Random _random = new(arguments.Seed);
    private CookieContainer _cookies = new();
    private string _access = "";
    private string _id = "";
    private string _refresh = "";
    private bool _isLoggedIn;
    private bool _hasLost;

    protected string Name { get; } = arguments.Name;

    /// <summary>The status with which the provider sends a browser on.</summary>
    protected abstract HttpStatusCode Redirects { get; }

    /// <summary>
    /// The browser begins an authorization request, logs in and consents; returns where it is sent in the end.
    /// </summary>
    protected abstract Task<string> LogInAsync(string authorize);

    /// <summary>The browser logs out.</summary>
    protected abstract Task LogOutAsync(string idToken);

    /// <summary>
    /// Logs in if need be; then the browser renews silently while the server uses its tokens; now and then a log-out.
    /// </summary>
    public async Task RoundAsync()
    {
        _hasLost = false;
        var isWell = _isLoggedIn || await FlowAsync(LogInAsync);
        if (isWell)
        {
            var access = _access;
            isWell = (await Task.WhenAll(FlowAsync(RenewAsync), UseAsync(access))).All(w => w);
        }

        if (isWell && Next(3) == 0)
            isWell = await FlowAsync(RevokeAsync) && await FlowAsync(LogOutAsync);
        if (isWell)
            return;
        // The next round begins with a new browser.
        _isLoggedIn = false;
        _cookies = new CookieContainer();
    }

    private async Task<bool> UseAsync(string access) =>
        await FlowAsync(() => UserInfoAsync(access))
        && await FlowAsync(RefreshAsync)
        && await FlowAsync(() => IntrospectAsync(access))
        && await FlowAsync(() => IntrospectAsync(_refresh));

    private async Task<bool> FlowAsync(Func<Task> flow)
    {
        _count.Flow();
        try
        {
            await flow();
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or FailedFlowException)
        {
            // A code or refresh token whose answer was lost with the killed replica is used up.
            if (_hasLost && e is FailedFlowException { Status: < 500 })
                _count.Interrupt();
            else
                _count.Fail($"{Name}: {e.Message}");
            return false;
        }
    }

    private async Task LogInAsync()
    {
        var start = Authorize("openid offline_access", "consent");
        if (Next(2) == 0)
            start = await PushAsync(start);
        var tokens = await RedeemAsync(await LogInAsync(start));
        (_access, _id, _refresh, _isLoggedIn) = (tokens.Access, tokens.Id, tokens.Refresh!, true);
    }

    /// <summary>
    /// The relying party's server hands the authorization request over first; the browser only names it.
    /// </summary>
    private async Task<string> PushAsync(string authorize)
    {
        var request = new StringContent(authorize[(authorize.IndexOf('?') + 1)..]);
        var answer = await ServeAsync("/request", "Basic " + Basic, request, HttpStatusCode.Created);
        return "/auth?client_id=rp&request_uri=" + Uri.EscapeDataString(answer.GetProperty("request_uri").GetString()!);
    }

    /// <summary>prompt=none, as the relying party's page does in a hidden frame; the refresh token stays.</summary>
    private async Task RenewAsync()
    {
        var path = Authorize("openid", "none") + "&id_token_hint=" + _id;
        var tokens = await RedeemAsync(await BrowseAsync(path, null, Redirects));
        await UserInfoAsync(tokens.Access);
        (_access, _id) = (tokens.Access, tokens.Id);
    }

    private async Task RefreshAsync()
    {
        var tokens = await TokenAsync(("grant_type", "refresh_token"), ("refresh_token", _refresh));
        _refresh = tokens.Refresh!;
        await UserInfoAsync(tokens.Access);
    }

    private async Task UserInfoAsync(string accessToken)
    {
        var me = await ServeAsync("/me", "Bearer " + accessToken, null);
        if (me.GetProperty("sub").GetString() != Name)
            throw new FailedFlowException($"/me is about somebody else: {me}", 0);
    }

    private async Task IntrospectAsync(string accessToken)
    {
        var answer = await ServeAsync("/token/introspection", "Basic " + Basic, Form(("token", accessToken)));
        if (!answer.GetProperty("active").GetBoolean())
            throw new FailedFlowException("A token is not active.", 0);
    }

    /// <summary>The relying party's server gives the refresh token back, before the browser logs out.</summary>
    private Task RevokeAsync() =>
        CallAsync("/token/revocation", "Basic " + Basic, Form(("token", _refresh)), HttpStatusCode.OK);

    private async Task LogOutAsync()
    {
        await LogOutAsync(_id);
        (_isLoggedIn, _cookies) = (false, new CookieContainer());
    }

    private async Task<Tokens> RedeemAsync(string callback)
    {
        var code = Regex.Match(callback, "[?&]code=([^&]+)");
        if (!callback.StartsWith(Callback, StringComparison.Ordinal) || !code.Success)
            throw new FailedFlowException($"No code but {callback}", 0);
        return await TokenAsync(
            ("grant_type", "authorization_code"), ("code", Uri.UnescapeDataString(code.Groups[1].Value)),
            ("redirect_uri", Callback), ("code_verifier", Verifier));
    }

    private async Task<Tokens> TokenAsync(params (string Name, string Value)[] form)
    {
        var json = await ServeAsync("/token", "Basic " + Basic, Form(form));
        return new Tokens(
            json.GetProperty("access_token").GetString()!, json.GetProperty("id_token").GetString()!,
            json.TryGetProperty("refresh_token", out var refresh) ? refresh.GetString() : null);
    }

    private static string Authorize(string scope, string prompt)
    {
        var hash = System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(Verifier));
        var challenge = Convert.ToBase64String(hash).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        return $"/auth?client_id=rp&response_type=code&scope={Uri.EscapeDataString(scope)}&prompt={prompt}"
            + $"&redirect_uri={Uri.EscapeDataString(Callback)}&state=s&{Challenge}{challenge}";
    }

    protected static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) =>
        new(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));

    /// <summary>
    /// The browser goes to a page; returns where it is sent next: a path here, or an address elsewhere.
    /// </summary>
    protected async Task<string> BrowseAsync(
        string path, HttpContent? form, HttpStatusCode expected, bool isFromOtherSite = false)
    {
        var body = form is null ? null : await form.ReadAsStringAsync();
        var (_, location) = await SendAsync(() => Browser(path, body, isFromOtherSite), expected);
        if (location is null)
            return "";
        var next = new Uri(Issuer, location);
        return next.Host.EndsWith(".example.test", StringComparison.Ordinal) && next.Host != Issuer.Host
            ? next.ToString()
            : next.PathAndQuery;
    }

    /// <summary>The browser looks at a page.</summary>
    protected async Task<string> ReadAsync(string path) =>
        (await SendAsync(() => Browser(path, null), HttpStatusCode.OK)).Body;

    // A form that another site posts comes without the cookies of this one.
    private HttpRequestMessage Browser(string path, string? form, bool isFromOtherSite = false)
    {
        var request = Message(path, form);
        request.Headers.Add("Accept", "text/html");
        lock (_cookies)
        {
            if (!isFromOtherSite && _cookies.GetCookieHeader(new Uri(Issuer, path)) is { Length: > 0 } cookies)
                request.Headers.Add("Cookie", cookies);
        }

        return request;
    }

    /// <summary>The relying party's server calls the provider, with no cookie at all.</summary>
    private async Task<JsonElement> ServeAsync(
        string path, string authorization, HttpContent? form, HttpStatusCode expected = HttpStatusCode.OK) =>
        JsonDocument.Parse(await CallAsync(path, authorization, form, expected)).RootElement;

    private async Task<string> CallAsync(
        string path, string authorization, HttpContent? form, HttpStatusCode expected)
    {
        var body = form is null ? null : await form.ReadAsStringAsync();
        var (answer, _) = await SendAsync(
            () =>
            {
                var request = Message(path, body);
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
                return request;
            },
            expected);
        return answer;
    }

    private static HttpRequestMessage Message(string path, string? form)
    {
        var request = new HttpRequestMessage(
            form is null ? HttpMethod.Get : HttpMethod.Post, new Uri(path, UriKind.Relative));
        if (form is not null)
            request.Content = new StringContent(form, Encoding.ASCII, "application/x-www-form-urlencoded");
        return request;
    }

    private async Task<(string Body, string? Location)> SendAsync(
        Func<HttpRequestMessage> message, HttpStatusCode expected)
    {
        var all = arguments.Replicas();
        var replica = all[Next(all.Count)];
        var wasGone = replica.IsGone;
        try
        {
            return await SendAsync(message(), replica, expected);
        }
        catch (Exception e) when (e is HttpRequestException or SocketException && replica.IsKilled)
        {
            _count.Repeat();
            _hasLost |= !wasGone;
            return await SendAsync(message(), all.First(r => r != replica), expected);
        }
    }

    private async Task<(string Body, string? Location)> SendAsync(
        HttpRequestMessage request, OidcReplica replica, HttpStatusCode expected)
    {
        var path = request.RequestUri!.ToString();
        using var sent = request;
        sent.RequestUri = new Uri(replica.Proxy, path);
        _count.Request();
        var cookies = _cookies;
        using var response = await _http.SendAsync(sent, CancellationToken.None);
        var body = await response.Content.ReadAsStringAsync();
        if ((int)response.StatusCode >= 500)
            _count.ServerError();
        if (response.StatusCode != expected)
        {
            var version = response.Headers.TryGetValues("X-IAM-Version", out var v) ? v.First() : "the gateway";
            throw new FailedFlowException(
                $"{sent.Method} {path.Split('?')[0]}: {(int)response.StatusCode} of {version} {body.Split('\n')[0]}",
                (int)response.StatusCode);
        }

        if (response.Headers.TryGetValues("Set-Cookie", out var set))
        {
            lock (cookies)
            {
                foreach (var cookie in set)
                    cookies.SetCookies(new Uri(Issuer, path), cookie);
            }
        }

        return (body, response.Headers.Location?.OriginalString);
    }

    // The browser and the server draw at the same time.
    private int Next(int end)
    {
        lock (_random)
            return _random.Next(end);
    }

    private sealed record Tokens(string Access, string Id, string? Refresh);
}

internal sealed class FailedFlowException(string message, int status) : Exception(message)
{
    public int Status { get; } = status;
}
