using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Edge;

/// <summary>What a client says of itself reaches the IAM only from a peer that is trusted.</summary>
public sealed class ForeignHeadersTests
{
    private static readonly (string Name, string Value)[] Claims =
    [
        ("Forwarded", "for=198.51.100.9"), ("X-Real-IP", "198.51.100.9"), ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Client-Cert", "Subject=admin"), ("Client-Cert", ":AAAA:"), ("X-Our-User", "admin"),
        ("X-Original-For", "198.51.100.9"), ("X-Original-URL", "/admin"),
    ];

    private static async Task<IHeaderDictionary> SeenAsync(
        (string Key, string Value)[] settings, params (string Name, string Value)[] headers)
    {
        IHeaderDictionary? seen = null;
        await using var backend = await Backend.StartAsync("8.2.1", http =>
        {
            seen = new HeaderDictionary(http.Request.Headers.ToDictionary(h => h.Key, h => h.Value));
            return Task.CompletedTask;
        });
        var all = Backend.Settings(backend);
        foreach (var (key, value) in settings)
            all[key] = value;
        await using var gateway = await Gateway.StartAsync([], all);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Proxy);
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        using var response = await client.SendAsync(request);
        return seen ?? throw new InvalidOperationException($"{(int)response.StatusCode}");
    }

    [Fact]
    public async Task Request_FromAnybody_LosesWhatOnlyAProxyMaySay()
    {
        var seen = await SeenAsync(
            [("IamGateway:Edge:RemoveHeaders:0", "X-Our-User"), ("IamGateway:Edge:RemoveCookies:0", "OUR_")],
            [
                .. Claims, ("X-Forwarded-For", "198.51.100.9"), ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "bank.example"), ("X-Forwarded-Prefix", "/x"),
                ("Cookie", "a=1; al_env_user=admin; OUR_ROLE=admin; b=2"),
            ]);

        Assert.All(Claims, c => Assert.False(seen.ContainsKey(c.Name), c.Name));
        Assert.Equal("127.0.0.1", seen["X-Forwarded-For"]);
        Assert.Equal("http", seen["X-Forwarded-Proto"]);
        Assert.StartsWith("127.0.0.1:", seen["X-Forwarded-Host"].ToString(), StringComparison.Ordinal);
        Assert.False(seen.ContainsKey("X-Forwarded-Prefix"));
        Assert.Equal("a=1; b=2", seen.Cookie);
    }

    [Fact]
    public async Task Request_RouteWritesTheHeadersOfTraces_HasTheGatewaysAlone()
    {
        const string Transforms = "ReverseProxy:Routes:iam:Transforms";
        var seen = await SeenAsync(
        [
            ($"{Transforms}:0:RequestHeader", "traceparent"), ($"{Transforms}:0:Set", "of the route"),
            ($"{Transforms}:1:RequestHeader", "tracestate"), ($"{Transforms}:1:Set", "of=the-route"),
        ]);

        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", Assert.Single(seen.TraceParent.ToArray()));
        Assert.Empty(seen.TraceState.ToArray());
    }

    [Fact]
    public async Task Request_FromATrustedPeer_SaysWhoTheClientIs()
    {
        var seen = await SeenAsync(
            [
                ("IamGateway:Edge:TrustedNetworks:0", "127.0.0.0/8"),
                ("IamGateway:Edge:TrustedNetworks:1", "192.0.2.0/24"),
            ],
            [
                // The client has invented the first; two balancers added the others.
                ("X-Forwarded-For", "10.0.0.1, 198.51.100.9, 192.0.2.7"), ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "login.example"), ("Client-Cert", ":AAAA:"),
                ("Cookie", "a=1; AL_ENV_user=anna"), ("X-Original-For", "198.51.100.66"),
                ("x-iamgateway-anything", "forged"),
            ]);

        Assert.Equal("198.51.100.9", seen["X-Forwarded-For"]);
        Assert.Equal("https", seen["X-Forwarded-Proto"]);
        Assert.Equal("login.example", seen["X-Forwarded-Host"]);
        Assert.Equal(":AAAA:", seen["Client-Cert"]);
        Assert.Equal("a=1; AL_ENV_user=anna", seen.Cookie);
        Assert.DoesNotContain(seen, h => h.Key.StartsWith("X-Original-", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(seen, h => h.Key.StartsWith("X-IamGateway-", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Request_FromAPeerOfAnotherNetwork_IsNotBelieved()
    {
        var seen = await SeenAsync(
            [("IamGateway:Edge:TrustedNetworks:0", "10.0.0.0/8")],
            [("X-Forwarded-For", "198.51.100.9"), ("X-Forwarded-Proto", "https"), ("Client-Cert", ":AAAA:")]);

        Assert.Equal("127.0.0.1", seen["X-Forwarded-For"]);
        Assert.Equal("http", seen["X-Forwarded-Proto"]);
        Assert.False(seen.ContainsKey("Client-Cert"));
    }
}
