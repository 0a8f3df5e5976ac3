using System.Net;
using IamGateway.Admin;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using IamGateway.WebConsole;

namespace IamGateway.Tests.WebConsole;

/// <summary>The login by API key, and what its cookie is good for.</summary>
public sealed class ConsoleLoginTests(AdminServer server) : IClassFixture<AdminServer>
{
    private const string SetWeights = """{"weights":{"8.2.1":100}}""";

    private Uri Address => server.Gateway.AdminAddress;

    [Theory]
    [InlineData("viewer", "test-viewer", 200, 403, 403)]
    [InlineData("operator", "test-operator", 200, 200, 403)]
    [InlineData("admin", "test-admin", 200, 200, 404)]
    public async Task Login_WithTheKeyOfARole_MayWhatTheRoleMay(
        string role, string name, int read, int steer, int end)
    {
        using var client = await ConsoleClient.LogInAsync(Address, AdminServer.KeyOf(role)!);

        var me = await client.GetAsync("/api/v1/me");

        Assert.Equal((name, role), (me.Text("name"), me.Text("role")));
        Assert.Equal(read, await client.StatusAsync("GET", "/api/v1/status"));
        Assert.Equal(steer, await client.StatusAsync("PUT", "/api/v1/weights", SetWeights));
        Assert.Equal(end, await client.StatusAsync("DELETE", $"/api/v1/sessions/{new string('0', 32)}"));
    }

    [Fact]
    public async Task Login_Cookie_IsKeptFromScriptsOtherSitesAndOtherPaths()
    {
        using var client = await ConsoleClient.LogInAsync(Address, Gateway.Key);

        var attributes = client.SetCookie.Split("; ")[1..].Order();

        Assert.StartsWith($"iamgateway-console-{Address.Port}=", client.SetCookie, StringComparison.Ordinal);
        Assert.Equal(["httponly", "path=/api/v1", "samesite=strict"], attributes);
        Assert.DoesNotContain(Gateway.Key, client.SetCookie, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_ThroughAProxyThatEndsTls_SetsASecureCookieThatIsTakenBack()
    {
        using var client = new ConsoleClient(Address);

        using var response = await client.TryLogInAsync(Gateway.Key, ("X-Forwarded-Proto", "https"));

        Assert.StartsWith($"__Secure-iamgateway-console-{Address.Port}=", client.SetCookie, StringComparison.Ordinal);
        Assert.Contains("; secure", client.SetCookie, StringComparison.Ordinal);
        Assert.Equal(200, await client.StatusAsync("GET", "/api/v1/me", null, ("X-Forwarded-Proto", "https")));
    }

    [Fact]
    public async Task Login_TooManyWrongKeys_HaveToWait()
    {
        await using var own = await AdminServer.StartAsync();
        using var client = new ConsoleClient(own.Gateway.AdminAddress);
        for (var i = 0; i < CredentialThrottle.MaxFailures; i++)
        {
            using var wrong = await client.TryLogInAsync("key-of-nobody");
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        }

        using var right = await client.TryLogInAsync(Gateway.Key);

        await Problem.AssertAsync(right, 429, "Too many");
        Assert.InRange(right.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Null(client.Cookie);
    }

    [Theory]
    [InlineData("evil.example", 421)]
    [InlineData("gateway.example:8081", 200)]
    [InlineData("127.0.0.1:8081", 200)]
    public async Task Host_NotAllowed_GetsNothing(string host, int status)
    {
        await using var own = await AdminServer.StartAsync(("IamGateway:Admin:AllowedHosts:0", "gateway.example"));
        using var client = await ConsoleClient.LogInAsync(own.Gateway.AdminAddress, Gateway.Key);

        Assert.Equal(status, await client.StatusAsync("GET", "/", null, ("Host", host)));
        using var login = await client.SendAsync("GET", "/api/v1/login", null, ("Host", host));
        Assert.Equal(status, (int)login.StatusCode);
        if (status == 421)
            await Problem.AssertAsync(login, 421, "IamGateway:Admin:AllowedHosts");
    }

    [Fact]
    public async Task Login_WrongKey_IsAProblemAndSetsNoCookie()
    {
        using var client = new ConsoleClient(Address);

        using var response = await client.TryLogInAsync("key-of-nobody");

        await Problem.AssertAsync(response, 401, "No such API key");
        Assert.Null(client.Cookie);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"key":""}""")]
    [InlineData("""{"name":"ops"}""")]
    public async Task Login_BodyWithoutAKey_IsABadRequest(string body)
    {
        using var client = new ConsoleClient(Address);

        using var response = await client.SendAsync("POST", "/api/v1/login", body);

        await Problem.AssertAsync(response, 400, "k");
    }

    [Fact]
    public async Task Login_AskedFor_SaysTheWaysAndWhoIsThere()
    {
        using var nobody = new ConsoleClient(Address);
        using var viewer = await ConsoleClient.LogInAsync(Address, AdminServer.ViewerKey);

        var before = await nobody.GetAsync("/api/v1/login");
        var after = await viewer.GetAsync("/api/v1/login");

        Assert.Equal("apiKey me openIdConnect", before.Fields());
        Assert.Equal((true, false), (before.GetProperty("apiKey").GetBoolean(),
            before.GetProperty("openIdConnect").GetBoolean()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, before.GetProperty("me").ValueKind);
        Assert.Equal("test-viewer", after.GetProperty("me").Text("name"));
    }

    [Theory]
    [InlineData("no header of the console", ConsolePipeline.Header, "")]
    [InlineData("from another site", "Sec-Fetch-Site", "cross-site")]
    [InlineData("from another port of this host", "Sec-Fetch-Site", "same-site")]
    [InlineData("typed by nobody", "Sec-Fetch-Site", "none")]
    public async Task Cookie_RequestThatChangesSomethingFromElsewhere_IsRefused(string from, string name, string value)
    {
        using var client = await ConsoleClient.LogInAsync(Address, Gateway.Key);
        var before = await server.StateAsync();

        using var response = await client.SendAsync("PUT", "/api/v1/weights", SetWeights, (name, value));

        Assert.True(response.StatusCode == HttpStatusCode.Forbidden, from);
        await Problem.AssertAsync(response, 403, "console");
        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("http://evil.example", 403)]
    [InlineData("null", 403)]
    [InlineData("own", 200)]
    public async Task Cookie_BrowserThatSaysOnlyItsOrigin_IsJudgedByThat(string origin, int status)
    {
        using var client = await ConsoleClient.LogInAsync(Address, Gateway.Key);
        var sent = origin == "own" ? Address.GetLeftPart(UriPartial.Authority) : origin;

        Assert.Equal(
            status, await client.StatusAsync(
                "PUT", "/api/v1/weights", SetWeights, ("Sec-Fetch-Site", ""), ("Origin", sent)));
    }

    [Fact]
    public async Task Login_FromAnotherSite_IsRefused()
    {
        using var client = new ConsoleClient(Address);

        using var response = await client.TryLogInAsync(Gateway.Key, ("Sec-Fetch-Site", "cross-site"));

        await Problem.AssertAsync(response, 400, "Only the console");
        Assert.Null(client.Cookie);
    }

    [Fact]
    public async Task ApiKey_WithoutTheConsolesHeader_ChangesThingsAsBefore()
    {
        using var response = await server.SendAsync("PUT", "/api/v1/weights", SetWeights);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Cookie_BesideAWrongApiKey_DoesNotCount()
    {
        using var client = await ConsoleClient.LogInAsync(Address, Gateway.Key);

        Assert.Equal(401, await client.StatusAsync("GET", "/api/v1/me", null, ("X-Api-Key", "key-of-nobody")));
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("a.b")]
    [InlineData("another role")]
    [InlineData("no signature")]
    [InlineData("another signature")]
    public async Task Cookie_ThatIsNotOurs_IsNotLetIn(string fault)
    {
        using var client = await ConsoleClient.LogInAsync(Address, AdminServer.ViewerKey);
        var parts = client.Cookie!.Split('=', 2)[1].Split('.');
        var payload = Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlDecode(parts[0]);
        var raised = System.Text.Encoding.UTF8.GetString(payload).Replace("viewer", "admin", StringComparison.Ordinal);
        client.Cookie = $"iamgateway-console-{Address.Port}=" + fault switch
        {
            "another role" => Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlEncode(
                System.Text.Encoding.UTF8.GetBytes(raised)) + "." + parts[1],
            "no signature" => parts[0] + ".",
            "another signature" => parts[0] + "." + new string('A', parts[1].Length),
            "nothing" => "",
            _ => fault,
        };

        Assert.Equal(401, await client.StatusAsync("GET", "/api/v1/me"));
    }

    [Fact]
    public async Task LogOut_Cookie_IsTakenBackByTheAttributesItWasSetWith()
    {
        using var client = await ConsoleClient.LogInAsync(Address, Gateway.Key);

        using var response = await client.SendAsync("DELETE", "/api/v1/login");

        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        var cookie = Assert.Single(response.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith($"iamgateway-console-{Address.Port}=;", cookie, StringComparison.Ordinal);
        Assert.Contains("path=/api/v1", cookie, StringComparison.Ordinal);
        Assert.Contains("expires=Thu, 01 Jan 1970", cookie, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Command_OfTheConsole_IsInTheAuditLogByTheNameOfTheKey()
    {
        using var client = await ConsoleClient.LogInAsync(Address, AdminServer.OperatorKey);

        Assert.Equal(200, await client.StatusAsync("PUT", "/api/v1/weights", SetWeights));

        var events = await server.GetAsync("/api/v1/events");
        Assert.Contains(
            events.EnumerateArray(), e => (e.Text("what"), e.Text("who")) == ("weights.set", "test-operator"));
    }
}
