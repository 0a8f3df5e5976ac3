using IamGateway.Admin;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace IamGateway.Tests.Admin;

/// <summary>Who may do what, for every endpoint that the admin listener has.</summary>
public sealed class EndpointRolesTests(AdminServer server) : IClassFixture<AdminServer>
{
    private static readonly string[] Roles = ["viewer", "operator", "admin"];

    /// <summary>Endpoint, the least role ("anyone": no key at all), and a request to it that changes nothing.</summary>
    private static readonly (string Endpoint, string Least, string Path, string? Body)[] Rows =
    [
        ("GET /api/v1/status", "viewer", "/api/v1/status", null),
        ("GET /api/v1/versions", "viewer", "/api/v1/versions", null),
        ("POST /api/v1/versions/{version}/retire", "operator", "/api/v1/versions/9.9.9/retire", null),
        ("POST /api/v1/versions/{version}/revoke", "admin", "/api/v1/versions/9.9.9/revoke", "{}"),
        ("GET /api/v1/weights", "viewer", "/api/v1/weights", null),
        ("PUT /api/v1/weights", "operator", "/api/v1/weights", "{}"),
        ("GET /api/v1/rollouts", "viewer", "/api/v1/rollouts", null),
        ("POST /api/v1/rollouts", "operator", "/api/v1/rollouts", "{}"),
        ("GET /api/v1/rollouts/{id}", "viewer", "/api/v1/rollouts/nobody", null),
        ("POST /api/v1/rollouts/{id}/pause", "operator", "/api/v1/rollouts/nobody/pause", null),
        ("POST /api/v1/rollouts/{id}/resume", "operator", "/api/v1/rollouts/nobody/resume", null),
        ("POST /api/v1/rollouts/{id}/promote", "operator", "/api/v1/rollouts/nobody/promote", null),
        ("POST /api/v1/rollouts/{id}/abort", "operator", "/api/v1/rollouts/nobody/abort", null),
        ("POST /api/v1/rollouts/{id}/revoke", "admin", "/api/v1/rollouts/nobody/revoke", "{}"),
        ("GET /api/v1/instances", "viewer", "/api/v1/instances", null),
        ("PUT /api/v1/instances/{id}", "operator", "/api/v1/instances/nobody", "{}"),
        ("DELETE /api/v1/instances/{id}", "operator", "/api/v1/instances/nobody", null),
        ("POST /api/v1/instances/{id}/drain", "operator", "/api/v1/instances/nobody/drain", null),
        ("POST /api/v1/instances/{id}/resume", "operator", "/api/v1/instances/nobody/resume", null),
        ("POST /api/v1/sessions/lookup", "viewer", "/api/v1/sessions/lookup", "{}"),
        ("DELETE /api/v1/sessions/{key}", "admin", "/api/v1/sessions/nobody", null),
        ("GET /api/v1/replicas", "viewer", "/api/v1/replicas", null),
        ("DELETE /api/v1/replicas/{id}", "admin", "/api/v1/replicas/nobody", null),
        ("GET /api/v1/events", "viewer", "/api/v1/events", null),
        ("GET /api/v1/events/stream", "viewer", "/api/v1/events/stream", null),
        ("GET /api/v1/history", "viewer", "/api/v1/history", null),
        ("GET /api/v1/me", "viewer", "/api/v1/me", null),
        ("GET /api/v1/login", "anyone", "/api/v1/login", null),
        ("POST /api/v1/login", "anyone", "/api/v1/login", "{}"),
        ("GET /api/v1/login/oidc", "anyone", "/api/v1/login/oidc", null),
        ("DELETE /api/v1/login", "anyone", "/api/v1/login", null),
        ("* /metrics", "anyone", "/metrics", null),
        ("GET /health/live", "anyone", "/health/live", null),
        ("GET /health/ready", "anyone", "/health/ready", null),
        ("GET /openapi/v1.json", "anyone", "/openapi/v1.json", null),
    ];

    public static TheoryData<string> Endpoints() => [.. Rows.Select(r => r.Endpoint)];

    [Fact]
    public void Endpoint_NewOne_NeedsARowHere()
    {
        var real = server.Gateway.Service<AdminHost>().Services.GetRequiredService<EndpointDataSource>().Endpoints
            .OfType<RouteEndpoint>()
            .SelectMany(e => (e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["*"])
                .Select(m => $"{m} /{e.RoutePattern.RawText!.TrimStart('/')}"));

        Assert.Equal(Rows.Select(r => r.Endpoint).Order(), real.Order());
    }

    [Theory, MemberData(nameof(Endpoints))]
    public async Task Endpoint_EachRole_IsLetInExactlyFromItsLeastRoleOn(string endpoint)
    {
        var (_, least, path, body) = Rows.Single(r => r.Endpoint == endpoint);
        var method = endpoint.Split(' ')[0].Replace("*", "GET", StringComparison.Ordinal);
        var before = await server.StateAsync();
        foreach (var role in (string[])["none", "wrong", .. Roles])
        {
            var status = await StatusAsync(method, path, body, role);
            var expected = (least, role) switch
            {
                ("anyone", _) => 0,
                (_, "none" or "wrong") => 401,
                _ => Array.IndexOf(Roles, role) < Array.IndexOf(Roles, least) ? 403 : 0,
            };
            Assert.True(
                expected == 0 ? status is not (401 or 403) and < 500 : status == expected,
                $"{endpoint} answers {status} to {role}.");
        }

        Assert.Equal(before, await server.StateAsync());
    }

    [Theory]
    [InlineData("none", 401, "X-Api-Key")]
    [InlineData("wrong", 401, "X-Api-Key")]
    [InlineData("viewer", 403, "role")]
    public async Task Endpoint_NotLetIn_AnswersAProblemThatSaysWhatIsMissing(string role, int status, string word)
    {
        using var response = await server.SendAsync("PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""", role);

        await Problem.AssertAsync(response, status, word);
    }

    [Fact]
    public async Task UnknownPath_WithoutKey_TellsNothingOfWhatIsThere()
    {
        using var response = await server.SendAsync("GET", "/api/v1/nothing", role: "none");

        await Problem.AssertAsync(response, 401, "X-Api-Key");
    }

    // Headers only: the event stream has no end.
    private async Task<int> StatusAsync(string method, string path, string? body, string role)
    {
        using var client = new HttpClient { BaseAddress = server.Gateway.AdminAddress };
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (AdminServer.KeyOf(role) is { } key)
            request.Headers.Add("X-Api-Key", key);
        // So many wrong keys from one client are too many.
        if (role == "wrong")
            request.Headers.Add("X-Forwarded-For", $"203.0.113.{Array.FindIndex(Rows, r => r.Path == path)}");
        if (body is not null)
            request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (int)response.StatusCode;
    }
}
