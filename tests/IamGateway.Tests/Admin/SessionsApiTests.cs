using System.Net.Http.Headers;
using System.Text.Json;

namespace IamGateway.Tests.Admin;

public sealed class SessionsApiTests(AdminServer server) : IClassFixture<AdminServer>
{
    [Fact]
    public async Task Lookup_SessionOfACookie_SaysWhereItLivesAndNotItsHandle()
    {
        var cookie = await server.LogInAsync();
        var session = await LookUpAsync(cookie);

        Assert.Equal("bucket inFlight key lastSeen version", session.Fields());
        Assert.Equal("8.2.1", session.Text("version"));
        Assert.InRange(session.GetProperty("bucket").GetInt32(), 0, 9_999);
        Assert.Equal(0, session.GetProperty("inFlight").GetInt32());
        Assert.True(session.GetProperty("lastSeen").GetDateTimeOffset() <= DateTimeOffset.UtcNow);
        Assert.Matches("^[0-9a-f]{32}$", session.Text("key"));
        Assert.DoesNotContain(cookie, session.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lookup_UnknownHandle_Is404AndDoesNotRepeatIt()
    {
        using var response = await server.SendAsync(
            "POST", "/api/v1/sessions/lookup", """{"handle":"never-seen-anywhere"}""");

        var problem = await Problem.AssertAsync(response, 404, "handle");
        Assert.DoesNotContain("never-seen-anywhere", problem.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_Session_TakesItsCookieOutOfRequestsFromThenOn()
    {
        var cookie = await server.LogInAsync();
        Assert.True(await IsKnownToTheIamAsync(cookie));
        var key = (await LookUpAsync(cookie)).Text("key");
        using var ended = await server.SendAsync("DELETE", $"/api/v1/sessions/{key}");

        Assert.Equal(204, (int)ended.StatusCode);
        Assert.False(await IsKnownToTheIamAsync(cookie));
        using var lookup = await server.SendAsync("POST", "/api/v1/sessions/lookup", $$"""{"handle":"{{cookie}}"}""");
        await Problem.AssertAsync(lookup, 404, "handle");
        using var again = await server.SendAsync("DELETE", $"/api/v1/sessions/{key}");
        await Problem.AssertAsync(again, 404, "key");
    }

    private Task<JsonElement> LookUpAsync(string cookie) =>
        server.OkAsync("POST", "/api/v1/sessions/lookup", $$"""{"handle":"{{cookie}}"}""");

    private async Task<bool> IsKnownToTheIamAsync(string cookie)
    {
        using var handler = new HttpClientHandler { UseCookies = false };
        using var client = new HttpClient(handler) { BaseAddress = server.Gateway.Proxy };
        client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        client.DefaultRequestHeaders.Add("Cookie", $"IAM_SESSION={cookie}");
        var reply = JsonDocument.Parse(await client.GetStringAsync("/api/touch")).RootElement;
        return reply.GetProperty("session").GetBoolean();
    }
}
