using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Admin;

public sealed class JwtTests : IAsyncLifetime
{
    private OpenIdProvider _provider = null!;
    private AdminServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await OpenIdProvider.StartAsync();
        // A provider without TLS is possible in Development only.
        _server = await AdminServer.StartAsync(
            ("environment", "Development"), ("IamGateway:Admin:Jwt:Authority", _provider.Issuer),
            ("IamGateway:Admin:Jwt:Audience", OpenIdProvider.Audience));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Theory]
    [InlineData("viewer", 200, 403)]
    [InlineData("operator", 200, 200)]
    [InlineData("admin", 200, 200)]
    public async Task Token_OfARole_MayWhatTheRoleMay(string role, int read, int write)
    {
        using var weights = await SendAsync(HttpMethod.Get, _provider.Token(role));
        using var put = await SendAsync(HttpMethod.Put, _provider.Token(role));

        Assert.Equal((read, write), ((int)weights.StatusCode, (int)put.StatusCode));
    }

    [Fact]
    public async Task Token_ThatChangesSomething_IsInTheAuditLogByItsSubject()
    {
        using var put = await SendAsync(HttpMethod.Put, _provider.Token("operator"));

        Assert.Equal("carla", (await _server.GetAsync("/api/v1/events")).One("what", "weights.set").Text("who"));
    }

    [Fact]
    public async Task ApiKey_BesideTokens_StillCounts() => await _server.GetAsync("/api/v1/status");

    [Fact]
    public async Task Token_BesideAWrongApiKey_DoesNotCount()
    {
        using var response = await SendAsync(HttpMethod.Get, _provider.Token("admin"), "key-of-nobody");

        await Problem.AssertAsync(response, 401, "X-Api-Key");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("root")]
    [InlineData("Admin")]
    public async Task Token_WithoutARoleOfOurs_IsForbidden(string? role)
    {
        using var response = await SendAsync(HttpMethod.Get, _provider.Token(role));

        await Problem.AssertAsync(response, 403, "role");
    }

    [Theory]
    [InlineData("wrong audience")]
    [InlineData("no audience")]
    [InlineData("wrong issuer")]
    [InlineData("expired")]
    [InlineData("not yet valid")]
    [InlineData("signed by another key")]
    [InlineData("signed with the public key as a secret")]
    [InlineData("not signed")]
    [InlineData("signature cut off")]
    [InlineData("role changed after signing")]
    [InlineData("no token")]
    public async Task Token_ThatTheProviderDidNotIssueForUs_IsRefused(string fault)
    {
        using var other = RSA.Create(2048);
        var good = _provider.Token("admin").Split('.');
        var token = fault switch
        {
            "wrong audience" => _provider.Token("admin", audience: "another-service"),
            "no audience" => _provider.Token("admin", audience: null),
            "wrong issuer" => _provider.Token("admin", issuer: "http://127.0.0.1:1"),
            "expired" => _provider.Token("admin", age: TimeSpan.FromHours(1)),
            "not yet valid" => _provider.Token("admin", age: TimeSpan.FromHours(-1)),
            "signed by another key" => _provider.Token("admin", signedBy: other),
            "signed with the public key as a secret" => _provider.TokenSignedWithThePublicKey(),
            "not signed" => _provider.TokenWithoutSignature(),
            "signature cut off" => $"{good[0]}.{good[1]}.",
            "role changed after signing" => $"{good[0]}.{_provider.Token("operator").Split('.')[1]}.{good[2]}",
            _ => "nonsense",
        };
        using var response = await SendAsync(HttpMethod.Get, token);

        var problem = await Problem.AssertAsync(response, 401, "Bearer");
        Assert.DoesNotContain(token, problem.GetRawText(), StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string token, string? key = null)
    {
        using var client = new HttpClient { BaseAddress = _server.Gateway.AdminAddress };
        using var request = new HttpRequestMessage(method, "/api/v1/weights");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (key is not null)
            request.Headers.Add("X-Api-Key", key);
        if (method == HttpMethod.Put)
            request.Content = new StringContent("""{"weights":{"8.2.1":100}}""", Encoding.UTF8, "application/json");
        return await client.SendAsync(request);
    }
}
