using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// G3: code, refresh token and access token are names of the browser's session, wherever they turn up.
/// </summary>
public sealed class TokenFlowTests
{
    private static readonly Dictionary<string, string?> Rules = new()
    {
        ["IamGateway:Sessions:1:Name"] = "code",
        ["IamGateway:Sessions:1:Form"] = "code",
        ["IamGateway:Sessions:1:Path"] = "/token",
        ["IamGateway:Sessions:1:LocationQuery"] = "code",
        ["IamGateway:Sessions:1:IssuedAt"] = "/authorize",
        ["IamGateway:Sessions:2:Name"] = "refresh",
        ["IamGateway:Sessions:2:Form"] = "refresh_token",
        ["IamGateway:Sessions:2:Path"] = "/token",
        ["IamGateway:Sessions:2:JsonField"] = "refresh_token",
        ["IamGateway:Sessions:2:IssuedAt"] = "/token",
        ["IamGateway:Sessions:3:Name"] = "access",
        ["IamGateway:Sessions:3:Header"] = "Authorization",
        ["IamGateway:Sessions:3:Scheme"] = "Bearer",
        ["IamGateway:Sessions:3:JsonField"] = "access_token",
        ["IamGateway:Sessions:3:IssuedAt"] = "/token",
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tokens_DuringARollout_StayWithTheBrowsersSessionIfRulesNameThem(bool withRules)
    {
        var state = new MemorySessionState();
        await using var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var @new = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        var settings = withRules ? new Dictionary<string, string?>(Rules) : [];
        // The browser's session stays, and whatever is taken for a new one goes to the new version.
        settings["IamGateway:Migration:ExistingSessions"] = "Stay";
        await using var gateway = await Gateway.StartAsync([old, @new], settings);
        using var handler = new HttpClientHandler { AllowAutoRedirect = false };
        using var browser = new HttpClient(handler) { BaseAddress = gateway.Proxy };
        using var server = new HttpClient { BaseAddress = gateway.Proxy };
        await browser.GetAsync("/login");
        await browser.PostAsync("/login", Form(("username", "ann"), ("password", "demo")));
        await browser.PostAsync("/otp", Form(("code", "123456")));
        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        using var authorized = await browser.GetAsync("/authorize?redirect_uri=http://127.0.0.1/back");
        var code = authorized.Headers.Location!.Query["?code=".Length..];
        var tokens = await TokensAsync(
            server, ("grant_type", "authorization_code"), ("code", Uri.UnescapeDataString(code)));
        var renewed = await TokensAsync(server, ("grant_type", "refresh_token"), ("refresh_token", tokens.Refresh));
        var version = await UserInfoAsync(server, renewed.Access);
        using var me = await browser.GetAsync("/api/me");

        Assert.Equal(withRules ? "8.2.1" : "8.3.0", version);
        Assert.Equal(withRules ? HttpStatusCode.OK : HttpStatusCode.InternalServerError, me.StatusCode);
        Assert.Equal(withRules ? 0 : 1, old.OlderVersionRequests);
        if (!withRules)
            return;
        using var retired = await gateway.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        Assert.Equal("8.3.0", await UserInfoAsync(server, tokens.Access));
        using var after = await browser.GetAsync("/api/me");
        var session = await after.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("8.3.0", session.GetProperty("version").GetString());
    }

    [Fact]
    public async Task Token_KnownAlone_IsLinkedToTheCookieItComesWith()
    {
        await using var old = await Backend.StartAsync("8.2.1", Answer("8.2.1"));
        await using var @new = await Backend.StartAsync("8.3.0", Answer("8.3.0"));
        var settings = Backend.Settings(old, @new);
        foreach (var (key, value) in Rules)
            settings[key] = value;
        await using var gateway = await Gateway.StartAsync([], settings);
        using var handler = new SocketsHttpHandler { UseCookies = false };
        using var client = new HttpClient(handler) { BaseAddress = gateway.Proxy };
        await client.GetAsync("/?set=mine");
        await gateway.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));

        Assert.Equal("8.2.1", await SendAsync(client, "mine", "token"));
        Assert.Equal("8.2.1", await SendAsync(client, null, "token"));
        Assert.Equal("8.3.0", await SendAsync(client, null, "another"));
    }

    private static Microsoft.AspNetCore.Http.RequestDelegate Answer(string version) => async http =>
    {
        if (http.Request.Query["set"] is [{ } value])
            http.Response.Headers["Set-Cookie"] = $"IAM_SESSION={value}; Path=/";
        await Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(http.Response, version);
    };

    private static async Task<string> SendAsync(HttpClient client, string? cookie, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        if (cookie is not null)
            request.Headers.Add("Cookie", $"IAM_SESSION={cookie}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) =>
        new(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));

    private static async Task<(string Access, string Refresh)> TokensAsync(
        HttpClient server, params (string Name, string Value)[] form)
    {
        using var response = await server.PostAsync("/token", Form(form));
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.IsSuccessStatusCode, body.ToString());
        return (body.GetProperty("access_token").GetString()!, body.GetProperty("refresh_token").GetString()!);
    }

    private static async Task<string?> UserInfoAsync(HttpClient server, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await server.SendAsync(request);
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("version").GetString();
    }
}
