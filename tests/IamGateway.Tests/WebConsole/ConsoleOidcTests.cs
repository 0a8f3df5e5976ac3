using System.Net;
using System.Text.Json;
using System.Web;
using IamGateway.Tests.Admin;

namespace IamGateway.Tests.WebConsole;

/// <summary>The console's login at an OpenID provider.</summary>
public sealed class ConsoleOidcTests : IAsyncLifetime
{
    private readonly CookieContainer _cookies = new();
    private OpenIdProvider _provider = null!;
    private AdminServer _server = null!;
    private HttpClient _browser = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await OpenIdProvider.StartAsync();
        _server = await AdminServer.StartAsync([.. Settings(_provider.Issuer)]);
        _browser = new HttpClient(new SocketsHttpHandler { CookieContainer = _cookies, AllowAutoRedirect = false })
        {
            BaseAddress = _server.Gateway.AdminAddress,
        };
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    /// <summary>A provider without TLS is possible in Development only.</summary>
    internal static IEnumerable<(string Key, string? Value)> Settings(string authority) =>
    [
        ("environment", "Development"), ("IamGateway:Admin:Oidc:Authority", authority),
        ("IamGateway:Admin:Oidc:ClientId", OpenIdProvider.ClientId),
        ("IamGateway:Admin:Oidc:ClientSecret", OpenIdProvider.ClientSecret),
    ];

    private async Task<Uri> RedirectAsync(string path)
    {
        using var response = await _browser.GetAsync(path);
        Assert.True(
            response.StatusCode == HttpStatusCode.Redirect,
            $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return response.Headers.Location!;
    }

    /// <summary>To the provider and back: the address that the browser is sent to at last.</summary>
    private async Task<string> CallbackAsync() =>
        (await RedirectAsync((await RedirectAsync("/api/v1/login/oidc")).ToString())).ToString();

    private async Task<JsonElement> LoginAsync() =>
        JsonDocument.Parse(await _browser.GetStringAsync("/api/v1/login")).RootElement;

    private async Task AssertRefusedAsync(string callback, int status, string word)
    {
        using var response = await _browser.GetAsync(callback);
        var page = await response.Content.ReadAsStringAsync();

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains(word, page, StringComparison.Ordinal);
        Assert.Contains(
            "script-src 'self'", Assert.Single(response.Headers.GetValues("Content-Security-Policy")),
            StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, (await LoginAsync()).GetProperty("me").ValueKind);
    }

    [Fact]
    public async Task Login_AtTheProvider_IsTheConsolesCookieWithTheRoleOfTheClaim()
    {
        Assert.True((await LoginAsync()).GetProperty("openIdConnect").GetBoolean());

        Assert.Equal("/", (await RedirectAsync(await CallbackAsync())).ToString());

        var me = (await LoginAsync()).GetProperty("me");
        Assert.Equal(("carla", "operator"), (me.Text("name"), me.Text("role")));
        // It is the same cookie with the same care: what changes something must come from the page.
        using var put = await _browser.PutAsync("/api/v1/weights", null);
        await Problem.AssertAsync(put, 403, "console");
    }

    [Fact]
    public async Task Login_Request_HasStateNonceAndPkceAndGoesByCode()
    {
        var asked = HttpUtility.ParseQueryString((await RedirectAsync("/api/v1/login/oidc")).Query);

        Assert.Equal(
            ("code", "S256", "openid profile"),
            (asked["response_type"], asked["code_challenge_method"], asked["scope"]));
        Assert.True(asked["state"]!.Length > 20 && asked["nonce"]!.Length > 20 && asked["code_challenge"]!.Length > 20);
        Assert.Equal(new Uri(_browser.BaseAddress!, "/api/v1/login/oidc/callback").ToString(), asked["redirect_uri"]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("root")]
    public async Task Login_WithoutARoleOfOurs_IsForbiddenWithTheClaimsName(string? role)
    {
        _provider.Role = role;

        await AssertRefusedAsync(await CallbackAsync(), 403, "roles");
    }

    [Fact]
    public async Task Login_TokenForAnotherClient_IsRefused()
    {
        _provider.IdTokenAudience = "another-client";

        await AssertRefusedAsync(await CallbackAsync(), 401, "did not succeed");
    }

    [Fact]
    public async Task Login_TokenWithAnotherNonce_IsRefused()
    {
        _provider.Nonce = "another-nonce";

        await AssertRefusedAsync(await CallbackAsync(), 401, "did not succeed");
    }

    [Theory]
    [InlineData("changed")]
    [InlineData("none")]
    [InlineData("of another browser")]
    public async Task Login_StateThatIsNotThisBrowsers_IsRefused(string fault)
    {
        var callback = await CallbackAsync();
        var state = callback[(callback.IndexOf("&state=", StringComparison.Ordinal) + 7)..];
        callback = fault switch
        {
            "changed" => callback.Replace(state, state[..^8] + "AAAAAAAA", StringComparison.Ordinal),
            "none" => callback.Replace($"&state={state}", "", StringComparison.Ordinal),
            _ => callback,
        };
        if (fault == "of another browser")
        {
            foreach (Cookie cookie in _cookies.GetAllCookies())
                cookie.Expired = true;
        }

        await AssertRefusedAsync(callback, 401, "did not succeed");
    }

    [Fact]
    public async Task Login_CodeUsedTwice_IsRefused()
    {
        var callback = await CallbackAsync();
        await RedirectAsync(callback);
        using var other = new HttpClient { BaseAddress = _browser.BaseAddress };

        using var again = await other.GetAsync(callback);

        Assert.Equal(HttpStatusCode.Unauthorized, again.StatusCode);
    }

    [Fact]
    public async Task Login_ProviderThatRefuses_IsAPageThatSaysSo()
    {
        var state = HttpUtility.ParseQueryString((await RedirectAsync("/api/v1/login/oidc")).Query)["state"]!;

        await AssertRefusedAsync(
            $"/api/v1/login/oidc/callback?error=access_denied&state={Uri.EscapeDataString(state)}", 401,
            "did not succeed");
    }

    [Fact]
    public async Task Login_ProviderThatIsAway_IsAPageThatSaysSo()
    {
        await using var server = await AdminServer.StartAsync([.. Settings("http://127.0.0.1:9")]);
        using var client = new HttpClient { BaseAddress = server.Gateway.AdminAddress };

        using var response = await client.GetAsync("/api/v1/login/oidc");

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Contains("does not answer", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_NotConfigured_IsNotThere()
    {
        await using var server = await AdminServer.StartAsync();

        using var response = await server.SendAsync("GET", "/api/v1/login/oidc", role: "none");

        await Problem.AssertAsync(response, 404, "IamGateway:Admin:Oidc");
    }
}
