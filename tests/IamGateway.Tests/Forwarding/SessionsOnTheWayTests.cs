using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Forwarding;

/// <summary>
/// Where sessions go, seen from a client: rotation, log-out, several cookies, instances that are gone.
/// </summary>
public sealed class SessionsOnTheWayTests
{
    private const string Cookie = "IAM_SESSION";

    /// <summary>Answers with its version; sets the cookie, and the status, that the query asks for.</summary>
    private static RequestDelegate Iam(string version) => async http =>
    {
        if (http.Request.Query["set"] is [{ Length: > 0 } value])
            http.Response.Headers.Append("Set-Cookie", $"{Cookie}={value}; Path=/; HttpOnly");
        if (http.Request.Query.ContainsKey("end"))
            http.Response.Headers.Append("Set-Cookie", $"{Cookie}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        if (http.Request.Query["status"] is [{ Length: > 0 } status])
            http.Response.StatusCode = int.Parse(status, System.Globalization.CultureInfo.InvariantCulture);
        await http.Response.WriteAsync(version);
    };

    private sealed class Site : IAsyncDisposable
    {
        public required Backend Old { get; init; }

        public required Backend New { get; init; }

        public required Gateway Gateway { get; init; }

        public HttpClient Client { get; } =
            new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

        public static async Task<Site> StartAsync(params (string Key, string Value)[] settings)
        {
            var old = await Backend.StartAsync("8.2.1", Iam("8.2.1"));
            var @new = await Backend.StartAsync("8.3.0", Iam("8.3.0"));
            var all = Backend.Settings(old, @new);
            foreach (var (key, value) in settings)
                all[key] = value;
            return new Site { Old = old, New = @new, Gateway = await Gateway.StartAsync([], all) };
        }

        public async Task<HttpResponseMessage> SendAsync(string path, params string[] sessions)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Gateway.Proxy, path));
            if (sessions.Length > 0)
                request.Headers.Add("Cookie", string.Join("; ", sessions.Select(s => $"{Cookie}={s}")));
            return await Client.SendAsync(request);
        }

        public async Task<string> GetAsync(string path, params string[] sessions)
        {
            using var response = await SendAsync(path, sessions);
            return await response.Content.ReadAsStringAsync();
        }

        public async Task<(HttpStatusCode Status, JsonElement Body)> LookupAsync(string handle)
        {
            using var response = await Gateway.Admin.PostAsJsonAsync("/api/v1/sessions/lookup", new { handle });
            return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>());
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await Gateway.DisposeAsync();
            await Old.DisposeAsync();
            await New.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(200)]
    [InlineData(302)]
    [InlineData(401)]
    [InlineData(500)]
    public async Task Rotation_OnAnyStatus_BindsTheNewIdToTheSameSession(int status)
    {
        await using var site = await Site.StartAsync();
        await site.Gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        await site.GetAsync("/?set=first");
        await site.GetAsync($"/?set=second&status={status}", "first");

        var (_, first) = await site.LookupAsync("first");
        var (_, second) = await site.LookupAsync("second");

        Assert.Equal(first.GetProperty("key").GetString(), second.GetProperty("key").GetString());
        Assert.Equal("8.2.1", second.GetProperty("version").GetString());
    }

    [Fact]
    public async Task Rotation_DuringARollout_KeepsOldAndNewIdTogether()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=first");
        await site.Gateway.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await site.GetAsync("/?set=second", "first");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        Assert.Equal("8.3.0", await site.GetAsync("/", "first"));
        await site.Gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));

        Assert.Equal("8.3.0", await site.GetAsync("/", "second"));
        Assert.Equal("8.2.1", await site.GetAsync("/"));
    }

    [Fact]
    public async Task LogOut_ExpiringSetCookie_EndsTheEntry()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=mine");
        Assert.Equal(HttpStatusCode.OK, (await site.LookupAsync("mine")).Status);

        await site.GetAsync("/?end", "mine");

        Assert.Equal(HttpStatusCode.NotFound, (await site.LookupAsync("mine")).Status);
    }

    [Fact]
    public async Task SeveralCookiesOfOneName_HighestPinWinsAndRaisesTheOther()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=old");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        await site.GetAsync("/?set=new");
        await site.Gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        Assert.Equal("8.2.1", await site.GetAsync("/", "old"));

        Assert.Equal("8.3.0", await site.GetAsync("/", "old", "new"));
        Assert.Equal("8.3.0", await site.GetAsync("/", "old"));
    }

    [Fact]
    public async Task UnknownSession_DuringARollout_GoesToTheNewest()
    {
        await using var site = await Site.StartAsync();
        await site.Gateway.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));

        Assert.Equal("8.3.0", await site.GetAsync("/", "never-seen"));
        Assert.Equal(1, await site.Gateway.MetricAsync(
            "iamgateway_requests_total{version=\"8.3.0\",instance=\"b\",code=\"2xx\",decision=\"unknown\"}"));
    }

    [Fact]
    public async Task Migration_WhileAnOldRequestIsAtWork_WaitsForItsEnd()
    {
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using var old = await Backend.StartAsync("8.2.1", async http =>
        {
            if (http.Request.Path == "/slow")
            {
                begun.SetResult();
                await release.Task;
            }

            await Iam("8.2.1")(http);
        });
        await using var @new = await Backend.StartAsync("8.3.0", Iam("8.3.0"));
        await using var gateway = await Gateway.StartAsync([], Backend.Settings(old, @new));
        using var client = new HttpClient(
            new SocketsHttpHandler { UseCookies = false })
        { BaseAddress = gateway.Proxy };
        await client.GetStringAsync("/?set=mine");
        client.DefaultRequestHeaders.Add("Cookie", $"{Cookie}=mine");
        var slow = client.GetStringAsync("/slow");
        await begun.Task;

        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        Assert.Equal("8.2.1", await client.GetStringAsync("/"));
        release.SetResult();
        Assert.Equal("8.2.1", await slow);

        // The lease goes back behind the response, so one more request may still find it.
        var versions = new List<string>();
        while (versions.LastOrDefault() != "8.3.0" && versions.Count < 1000)
            versions.Add(await client.GetStringAsync("/"));
        Assert.Equal("8.3.0", versions[^1]);
    }

    [Fact]
    public async Task NoUsableInstanceOfThePin_MovesTheSessionUp()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=mine");
        await site.Gateway.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        using var drained = await site.Gateway.Admin.PostAsync("/api/v1/instances/a/drain", null);
        Assert.Equal(HttpStatusCode.OK, drained.StatusCode);

        Assert.Equal("8.3.0", await site.GetAsync("/", "mine"));
        using var resumed = await site.Gateway.Admin.PostAsync("/api/v1/instances/a/resume", null);
        Assert.Equal("8.3.0", await site.GetAsync("/", "mine"));
    }

    [Fact]
    public async Task InstancesOfThePin_RefuseConnections_MovesTheSessionUpWithoutAFailedRequest()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=mine");
        await site.Gateway.SetWeightsAsync(("8.2.1", 99), ("8.3.0", 1));
        await site.Gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        Assert.Equal("8.2.1", await site.GetAsync("/", "mine"));
        await site.Old.DisposeAsync();

        // Several at once: none waits for another that is at work nowhere.
        var versions = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => site.GetAsync("/", "mine")));

        Assert.All(versions, v => Assert.Equal("8.3.0", v));
        Assert.Equal("8.3.0", await site.GetAsync("/"));
    }

    [Fact]
    public async Task OnlyInstance_RefusesConnections_IsRefusedWithNoInstance()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=mine");
        await site.Old.DisposeAsync();

        using var response = await site.SendAsync("/", "mine");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("no_instance", response.Headers.GetValues("X-IamGateway-Refusal").Single());
    }

    [Fact]
    public async Task NoUsableInstanceOfTheNewest_IsRefusedAndNeverSentDown()
    {
        await using var site = await Site.StartAsync();
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        await site.GetAsync("/?set=mine");
        using var drained = await site.Gateway.Admin.PostAsync("/api/v1/instances/b/drain?force=true", null);

        using var response = await site.SendAsync("/", "mine");
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no_instance", response.Headers.GetValues("X-IamGateway-Refusal").Single());
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.False(response.Headers.Contains("Set-Cookie"));
        Assert.Equal(503, problem.GetProperty("status").GetInt32());
        Assert.Equal(1, await site.Gateway.MetricAsync("iamgateway_refusals_total{reason=\"no_instance\"}"));
    }

    [Fact]
    public async Task ExistingSessionsStay_WeightOfTheNewVersion_MovesNoOldSession()
    {
        await using var site = await Site.StartAsync(("IamGateway:Migration:ExistingSessions", "Stay"));
        await site.GetAsync("/?set=mine");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        Assert.Equal("8.2.1", await site.GetAsync("/", "mine"));
        Assert.Equal("8.3.0", await site.GetAsync("/"));
    }

    [Fact]
    public async Task Retire_OldVersion_MovesItsSessionsAndIsSteadyAgain()
    {
        await using var site = await Site.StartAsync(("IamGateway:Migration:ExistingSessions", "Stay"));
        await site.GetAsync("/?set=mine");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));

        using var retired = await site.Gateway.Admin.PostAsync("/api/v1/versions/8.2.1/retire", null);
        Assert.Equal(HttpStatusCode.OK, retired.StatusCode);

        Assert.Equal("8.3.0", await site.GetAsync("/", "mine"));
        var status = await site.Gateway.Admin.GetFromJsonAsync<JsonElement>("/api/v1/status");
        Assert.Equal("steady", status.GetProperty("phase").GetString());
    }

    [Fact]
    public async Task Revoke_NewVersion_EndsItsSessionsAndUsersStartAfresh()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=old");
        await site.Gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        await site.GetAsync("/?set=new");
        using var revoked = await site.Gateway.Admin.PostAsJsonAsync(
            "/api/v1/versions/8.3.0/revoke", new { confirm = "8.3.0" });
        Assert.Equal(HttpStatusCode.OK, revoked.StatusCode);

        using var response = await site.SendAsync("/", "new");

        Assert.Equal("8.2.1", await response.Content.ReadAsStringAsync());
        Assert.Contains(response.Headers.GetValues("Set-Cookie"), c =>
            c.StartsWith($"{Cookie}=;", StringComparison.Ordinal));
        Assert.Equal("8.2.1", await site.GetAsync("/", "old"));
    }

    [Fact]
    public async Task EndSession_ByKey_StripsItsHandle()
    {
        await using var site = await Site.StartAsync();
        await site.GetAsync("/?set=mine");
        var (_, session) = await site.LookupAsync("mine");
        using var ended = await site.Gateway.Admin.DeleteAsync(
            $"/api/v1/sessions/{session.GetProperty("key").GetString()}");
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);

        using var response = await site.SendAsync("/", "mine");

        Assert.Contains(response.Headers.GetValues("Set-Cookie"), c =>
            c.StartsWith($"{Cookie}=;", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.NotFound, (await site.LookupAsync("mine")).Status);
    }
}
