using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Json;
using IamGateway.Pins;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// G3, from where a response hands a handle out to where a request carries it. Old sessions stay, and what is taken for
/// another session goes to the new version: so where a request goes tells whether its handle was known.
/// </summary>
public sealed class HandlePlacesTests
{
    private const string Session = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

    /// <summary>Answers with its version; hands out what the query names, in the place it names.</summary>
    private static RequestDelegate Iam(string version) => async http =>
    {
        var (place, name, value) = (
            http.Request.Query["place"].ToString(), http.Request.Query["as"].ToString(),
            http.Request.Query["value"].ToString());
        var pair = $"{name}={Uri.EscapeDataString(value)}";
        var text = version;
        switch (place)
        {
            case "cookie":
                http.Response.Headers.Append("Set-Cookie", $"{name}={value}; Path=/");
                break;
            case "location":
                http.Response.Headers.Location = $"https://rp.example.test/?state=s&{pair}";
                break;
            case "fragment":
                http.Response.Headers.Location = $"https://rp.example.test/?x=1#a=b&{pair}";
                break;
            case "json":
                http.Response.ContentType = "application/json; charset=utf-8";
                text = JsonSerializer.Serialize(new Dictionary<string, string> { ["type"] = "x", [name] = value });
                break;
            case "page":
                http.Response.ContentType = "text/html; charset=utf-8";
                text = $"<form><input type='hidden' name='{name}' value='{WebUtility.HtmlEncode(value)}'/></form>";
                break;
        }

        await http.Response.WriteAsync(text);
    };

    private sealed class Site : IAsyncDisposable
    {
        public required Backend Old { get; init; }

        public required Backend New { get; init; }

        public required Gateway Gateway { get; init; }

        public HttpClient Client { get; } = new(
            new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

        public static async Task<Site> StartAsync(params (string Key, string? Value)[] rules)
        {
            var old = await Backend.StartAsync("8.2.1", Iam("8.2.1"));
            var @new = await Backend.StartAsync("8.3.0", Iam("8.3.0"));
            var settings = Backend.Settings(old, @new);
            settings["IamGateway:Migration:ExistingSessions"] = "Stay";
            foreach (var (key, value) in rules)
                settings["IamGateway:Sessions:" + key] = value;
            return new Site { Old = old, New = @new, Gateway = await Gateway.StartAsync([], settings) };
        }

        public int Entries => ((MemoryPinStore)Gateway.Service<IPinStore>()).Count;

        public async Task HandOutAsync(string path, string place, string name, string value, string? cookie)
        {
            var query = $"?place={place}&as={name}&value={Uri.EscapeDataString(value)}";
            await SendAsync(path + query, "cookie", cookie, "");
            await Gateway.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
        }

        /// <summary>The version that answers a request with this handle only, or with none.</summary>
        public async Task<string> SendAsync(string path, string place, string? name, string value)
        {
            using var request = new HttpRequestMessage();
            var pair = $"{name}={Uri.EscapeDataString(value)}";
            request.RequestUri = new Uri(Gateway.Proxy, place == "query" ? $"{path}?a=b&{pair}" : path);
            request.Method = place == "form" ? HttpMethod.Post : HttpMethod.Get;
            if (place == "form")
                request.Content = new StringContent("a=b&" + pair, null, "application/x-www-form-urlencoded");
            else if (place == "bearer")
                request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {value}");
            else if (place == "header")
                request.Headers.TryAddWithoutValidation(name!, value);
            else if (place == "cookie" && name is not null)
                request.Headers.Add("Cookie", value.Length > 0 ? pair : name);
            using var response = await Client.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await Gateway.DisposeAsync();
            await Old.DisposeAsync();
            await New.DisposeAsync();
        }
    }

    /// <summary>Each line: path, place and name where it is handed out; path, place and name where it comes.</summary>
    private static async Task AssertAllAsync(Site site, params string[] lines)
    {
        await site.HandOutAsync("/", "cookie", "IAM_SESSION", "mine", null);
        var rows = lines.Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Index().ToArray();
        foreach (var (i, row) in rows)
            await site.HandOutAsync(row[0], row[1], row[2], $"value/{i}=&\"", "IAM_SESSION=mine");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        foreach (var (i, row) in rows)
        {
            var known = await site.SendAsync(row[3], row[4], row[5], $"value/{i}=&\"");
            var unknown = await site.SendAsync(row[3], row[4], row[5], $"other-{i}");
            Assert.Equal((lines[i], "8.2.1", "8.3.0"), (lines[i], known, unknown));
        }
    }

    [Fact]
    public async Task OpenIdConnect_EveryHandle_IsTheSessionWhereverItComes()
    {
        await using var site = await Site.StartAsync(("1:Preset", "OpenIdConnect"), ("1:IssuedAt", "/auth"));

        await AssertAllAsync(
            site,
            "/auth          location code           /token               form   code",
            "/auth          fragment code           /token               form   code",
            "/auth          fragment access_token   /me                  bearer -",
            "/token         json     access_token   /me                  bearer -",
            "/token         json     access_token   /token/introspection form   token",
            "/token         json     refresh_token  /token               form   refresh_token",
            "/token         json     refresh_token  /token/revocation    form   token",
            "/token         json     id_token       /auth                query  id_token_hint",
            "/token         json     id_token       /auth                form   id_token_hint",
            "/token         json     id_token       /session/end         form   id_token_hint",
            "/request       json     request_uri    /auth                query  request_uri",
            "/request       json     request_uri    /auth                form   request_uri",
            "/device/auth   json     device_code    /token               form   device_code",
            "/backchannel   json     auth_req_id    /token               form   auth_req_id");
    }

    /// <summary>Also what comes back from another site by POST, without the cookies that are Lax.</summary>
    [Fact]
    public async Task RulesOfOnesOwn_EveryPlace_IsTheSession()
    {
        await using var site = await Site.StartAsync(
            ("1:Name", "relay"), ("1:Form", "RelayState"), ("1:Path", "/acs"), ("1:LocationQuery", "RelayState"),
            ("2:Name", "state"), ("2:Query", "state"), ("2:FormPostField", "state"), ("2:IssuedAt", "/page"),
            ("3:Name", "api"), ("3:Header", "X-Session"), ("3:JsonField", "session"), ("3:IssuedAt", "/api"),
            ("4:Name", "flow"), ("4:Header", "X-Flow"), ("4:SetCookie", "FLOW"));

        await AssertAllAsync(
            site,
            "/saml  location RelayState /acs/post form   RelayState",
            "/page  page     state      /back     query  state",
            "/api   json     session    /api/me   header X-Session",
            "/login cookie   FLOW       /any      header X-Flow");
    }

    [Fact]
    public async Task Keycloak_EveryHandle_IsTheSessionAndNeedsNoEntryOfItsOwn()
    {
        var signed = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Session}.c2lnbmF0dXJl"));
        var token = $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{{\"sid\":\"{Session}\"}}"))}.c2ln";
        var path = "/realms/demo/protocol/openid-connect/";
        await using var site = await Site.StartAsync(("0:Name", null), ("0:Cookie", null), ("0:Preset", "Keycloak"));
        await site.HandOutAsync(path + "auth", "cookie", "AUTH_SESSION_ID", $"{signed}.node-1", null);
        await site.HandOutAsync(
            path + "auth", "location", "code", $"6e0b.{Session}.0b1c", $"AUTH_SESSION_ID={signed}.node-1");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        string[] versions =
        [
            await site.SendAsync(path + "auth", "cookie", "AUTH_SESSION_ID", $"{signed}.node-1"),
            await site.SendAsync(path + "auth", "cookie", "AUTH_SESSION_ID", $"{Session}.node-2"),
            await site.SendAsync(path + "auth", "cookie", "KEYCLOAK_IDENTITY", token),
            await site.SendAsync(path + "token", "form", "code", $"6e0b.{Session}.0b1c"),
            await site.SendAsync(path + "token", "form", "refresh_token", token),
            await site.SendAsync(path + "revoke", "form", "token", token),
            await site.SendAsync(path + "userinfo", "bearer", "-", token),
            await site.SendAsync(path + "logout", "query", "id_token_hint", token),
            await site.SendAsync(path + "logout", "form", "id_token_hint", token),
        ];

        Assert.All(versions, v => Assert.Equal("8.2.1", v));
        Assert.Equal(1, site.Entries);
        Assert.Equal("8.3.0", await site.SendAsync(path + "token", "form", "code", "6e0b.another.0b1c"));
    }

    /// <summary>What README.md says a session takes.</summary>
    [Fact]
    public async Task OpenIdConnect_LogInAndRefresh_MakeFiveEntriesAndThree()
    {
        await using var site = await Site.StartAsync(("1:Preset", "OpenIdConnect"), ("1:IssuedAt", "/auth"));
        await site.HandOutAsync("/", "cookie", "IAM_SESSION", "mine", null);
        await site.HandOutAsync("/auth", "location", "code", "c", "IAM_SESSION=mine");
        Assert.Equal(2, site.Entries);

        for (var i = 1; i <= 2; i++)
        {
            foreach (var token in new[] { "access_token", "refresh_token", "id_token" })
                await site.HandOutAsync("/token", "json", token, token + i, "IAM_SESSION=mine");
            Assert.Equal(2 + 3 * i, site.Entries);
        }
    }
}
