using System.Net;
using IamGateway.Configuration;
using IamGateway.Sessions;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Sessions;

public sealed class WitnessTests
{
    private const string FirstKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    private const string SecondKey = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
    private static readonly SessionKey Handle = SessionKey.Of([1], "session", "handle");
    private static readonly SessionKey Root = SessionKey.Of([1], "session", "root");

    private static Witness Create(params string[] keys)
    {
        var settings = new Dictionary<string, string?>
        {
            ["IamGateway:Versions:Initial"] = "8.2.1",
            ["IamGateway:Sessions:0:Name"] = "session",
            ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
            ["IamGateway:Witness:Enabled"] = "true",
        };
        for (var i = 0; i < keys.Length; i++)
            settings[$"IamGateway:Witness:Keys:{i}"] = keys[i];
        var problems = new ConfigurationProblems();
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        return new Witness(GatewaySettingsReader.Read(configuration, "Production", problems)
            ?? throw new InvalidOperationException(string.Join('\n', problems.Lines)));
    }

    [Fact]
    public void Verify_OwnValue_TellsTheRecord()
    {
        var witness = Create(FirstKey);

        Assert.True(witness.TryVerify(witness.Value(Handle, Root, 2), Handle, 2, out var root, out var byFirstKey));
        Assert.Equal((Root, true), (root, byFirstKey));
    }

    [Fact]
    public void Verify_OtherHandleOrVersionOrKey_SaysNothing()
    {
        var witness = Create(FirstKey);
        var value = witness.Value(Handle, Root, 2);

        Assert.False(witness.TryVerify(value, Root, 2, out _, out _));
        Assert.False(witness.TryVerify(value, Handle, 3, out _, out _));
        Assert.False(witness.TryVerify(value, Handle, 1, out _, out _));
        Assert.False(Create(SecondKey).TryVerify(value, Handle, 2, out _, out _));
    }

    [Fact]
    public void Verify_AnyCharacterChanged_SaysNothing()
    {
        var witness = Create(FirstKey);
        var value = witness.Value(Handle, Root, 2);

        for (var i = 0; i < value.Length; i++)
        {
            // The last character carries bits that decode to nothing; one that differs in the others is refused.
            var other = value[i] == 'A' ? 'Q' : 'A';
            var changed = value[..i] + other + value[(i + 1)..];
            Assert.False(witness.TryVerify(changed, Handle, 2, out _, out _), changed);
        }

        Assert.False(witness.TryVerify("", Handle, 2, out _, out _));
        Assert.False(witness.TryVerify(value + "A", Handle, 2, out _, out _));
        Assert.False(witness.TryVerify(new string('!', value.Length), Handle, 2, out _, out _));
    }

    [Fact]
    public void Verify_RotatedKey_IsAcceptedAndSignedAnew()
    {
        var value = Create(FirstKey).Value(Handle, Root, 2);

        Assert.True(Create(SecondKey, FirstKey).TryVerify(value, Handle, 2, out _, out var byFirstKey));
        Assert.False(byFirstKey);
    }

    [Fact]
    public void UseKeys_ExchangedWhileItRuns_OnlyTheNewOnesCount()
    {
        var witness = Create(FirstKey);
        var value = witness.Value(Handle, Root, 2);

        witness.UseKeys([SecondKey, FirstKey]);
        Assert.True(witness.TryVerify(value, Handle, 2, out _, out var byFirstKey));
        Assert.False(byFirstKey);
        Assert.True(Create(SecondKey).TryVerify(witness.Value(Handle, Root, 2), Handle, 2, out _, out _));
        witness.UseKeys([SecondKey]);

        Assert.False(witness.TryVerify(value, Handle, 2, out _, out _));
    }

    [Theory]
    [InlineData("a=1; b=2", "a=1; b=2")]
    [InlineData("a=1; {0}=x; b=2", "a=1; b=2")]
    [InlineData("{0}=x", null)]
    [InlineData("{0}=x; {0}=y", null)]
    [InlineData("a={0}", "a={0}")]
    [InlineData("iamgw-other=1", "iamgw-other=1")]
    public void Without_CookieHeader_LosesTheWitnessOnly(string cookies, string? expected)
    {
        var name = $"iamgw-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("session"u8)[..4])}";

        Assert.Equal(
            expected?.Replace("{0}", name, StringComparison.Ordinal),
            Create(FirstKey).Without(cookies.Replace("{0}", name, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task FinalSession_StoreAwayAndReplicaCold_IsServedByItsWitnessOnly()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        var cookies = new List<string>();
        Task AnswerAsync(HttpContext http, string version)
        {
            lock (cookies)
                cookies.Add(http.Request.Headers.Cookie.ToString());
            if (http.Request.Query["set"] is [{ } value])
                http.Response.Headers.Append("Set-Cookie", $"IAM_SESSION={value}; Path=/");
            return http.Response.WriteAsync(version);
        }

        await using var old = await Backend.StartAsync("8.2.1", http => AnswerAsync(http, "8.2.1"));
        await using var @new = await Backend.StartAsync("8.3.0", http => AnswerAsync(http, "8.3.0"));
        await using var warm = await StartAsync(redis, old, @new);
        await using var cold = await StartAsync(redis, old, @new);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        await warm.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        using var first = await client.GetAsync(new Uri(warm.Proxy, "/?set=mine"));
        var witness = first.Headers.GetValues("Set-Cookie").Single(
            c => c.StartsWith("iamgw-", StringComparison.Ordinal));
        Assert.EndsWith("; Path=/; HttpOnly; SameSite=Lax", witness, StringComparison.Ordinal);
        Assert.DoesNotContain("mine", witness, StringComparison.Ordinal);
        await redis.KillAsync();

        using var without = await SendAsync(client, cold.Proxy, "IAM_SESSION=mine");
        using var other = await SendAsync(client, cold.Proxy, $"IAM_SESSION=another; {witness.Split(';')[0]}");
        using var with = await SendAsync(client, cold.Proxy, $"IAM_SESSION=mine; {witness.Split(';')[0]}; c=1");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, without.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, other.StatusCode);
        Assert.Equal("8.3.0", await with.Content.ReadAsStringAsync());
        Assert.False(with.Headers.Contains("Set-Cookie"));
        Assert.Equal(["", "IAM_SESSION=mine; c=1"], cookies);
    }

    [Fact]
    public void Verify_WithoutAHandle_TellsTheVersionOnly()
    {
        var witness = Create(FirstKey);
        var value = witness.Value(Handle, Root, 2);

        Assert.True(witness.TryVerify(value, null, 2, out _, out _));
        Assert.False(witness.TryVerify(value, null, 3, out _, out _));
        Assert.False(Create(SecondKey).TryVerify(value, null, 2, out _, out _));
    }

    /// <summary>SAML POST and form_post come without the session's cookie if that is Lax.</summary>
    [Fact]
    public async Task PostOfAnotherSite_OnlyTheWitnessComesAlong_GoesToTheVersionOfTheSession()
    {
        Task AnswerAsync(HttpContext http, string version)
        {
            if (http.Request.Query["set"] is [{ } value])
                http.Response.Headers.Append("Set-Cookie", $"IAM_SESSION={value}; Path=/; SameSite=Lax");
            return http.Response.WriteAsync(version);
        }

        await using var old = await Backend.StartAsync("8.2.1", http => AnswerAsync(http, "8.2.1"));
        await using var @new = await Backend.StartAsync("8.3.0", http => AnswerAsync(http, "8.3.0"));
        var settings = Backend.Settings(old, @new);
        settings["IamGateway:Witness:Enabled"] = "true";
        settings["IamGateway:Witness:SameSite"] = "None";
        settings["IamGateway:Witness:Keys:0"] = FirstKey;
        await using var gateway = await Gateway.StartAsync([], settings);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        await gateway.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        using var first = await client.GetAsync(new Uri(gateway.Proxy, "/?set=mine"));
        await gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));
        var witness = first.Headers.GetValues("Set-Cookie").Single(
            c => c.StartsWith("iamgw-", StringComparison.Ordinal));

        var (acs, post) = (new Uri(gateway.Proxy, "/acs"), HttpMethod.Post);
        using var with = await SendAsync(client, acs, witness.Split(';')[0], post);
        using var without = await SendAsync(client, acs, "other=1", post);
        using var forged = await SendAsync(client, acs, witness.Split(';')[0] + "A", post);
        using var page = await SendAsync(client, acs, witness.Split(';')[0]);

        Assert.EndsWith("; Path=/; HttpOnly; SameSite=None; Secure", witness, StringComparison.Ordinal);
        Assert.Equal("8.3.0", await with.Content.ReadAsStringAsync());
        Assert.False(with.Headers.Contains("Set-Cookie"));
        Assert.Equal("8.2.1", await without.Content.ReadAsStringAsync());
        Assert.Equal("8.2.1", await forged.Content.ReadAsStringAsync());
        // Who comes for a page without the session has lost it, and begins another.
        Assert.Equal("8.2.1", await page.Content.ReadAsStringAsync());
        Assert.Contains("Max-Age=0", page.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogOut_ClientWithAWitness_LosesIt()
    {
        await using var @new = await Backend.StartAsync("8.2.1", http =>
        {
            if (http.Request.Path == "/logout")
                http.Response.Headers.Append("Set-Cookie", "IAM_SESSION=; Max-Age=0; Path=/");
            return http.Response.WriteAsync("ok");
        });
        var settings = Backend.Settings(@new);
        settings["IamGateway:Witness:Enabled"] = "true";
        settings["IamGateway:Witness:Keys:0"] = FirstKey;
        await using var gateway = await Gateway.StartAsync([], settings);
        var name = $"iamgw-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("session"u8)[..4])}";
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });

        using var response = await SendAsync(client, new Uri(gateway.Proxy, "/logout"), $"IAM_SESSION=mine; {name}=x");

        Assert.Contains(
            response.Headers.GetValues("Set-Cookie"),
            c => c.StartsWith($"{name}=; ", StringComparison.Ordinal)
                && c.EndsWith("Max-Age=0", StringComparison.Ordinal));
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client, Uri address, string cookie, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, address);
        request.Headers.Add("Cookie", cookie);
        return await client.SendAsync(request);
    }

    private static Task<Gateway> StartAsync(RedisServer redis, params Backend[] instances)
    {
        var settings = Backend.Settings(instances);
        settings["ConnectionStrings:Redis"] = redis.ConnectionString;
        settings["IamGateway:Store:Timeout"] = "00:00:00.200";
        settings["IamGateway:Witness:Enabled"] = "true";
        settings["IamGateway:Witness:Keys:0"] = FirstKey;
        settings["IamGateway:Migration:MaxWait"] = "00:00:00.200";
        return Gateway.StartAsync([], settings);
    }
}
