using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace IamGateway.Tests.Admin;

/// <summary>
/// A small OpenID provider: discovery document, key set, tokens signed with RSA, and a login without questions that
/// checks redirect URI, PKCE and the client's secret.
/// </summary>
internal sealed class OpenIdProvider : IAsyncDisposable
{
    public const string Audience = "iamgateway";
    public const string ClientId = "iamgateway-console";
    public const string ClientSecret = "secret-of-the-console";
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ConcurrentDictionary<string, (string Nonce, string Challenge, string RedirectUri)> _codes = new();
    private readonly WebApplication _app;

    private OpenIdProvider(WebApplication app) => _app = app;

    public string Issuer => _app.Urls.First();

    /// <summary>The role of whoever logs in; null: none.</summary>
    public string? Role { get; set; } = "operator";

    /// <summary>What it knows of the client.</summary>
    public string Secret { get; set; } = ClientSecret;

    /// <summary>Whom ID tokens are for.</summary>
    public string IdTokenAudience { get; set; } = ClientId;

    /// <summary>Stands in ID tokens instead of the nonce that was asked for.</summary>
    public string? Nonce { get; set; }

    public static async Task<OpenIdProvider> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var provider = new OpenIdProvider(builder.Build());
        provider._app.Run(provider.AnswerAsync);
        await provider._app.StartAsync();
        return provider;
    }

    /// <summary>A token as the provider issues them; the parameters make one that it never would.</summary>
    public string Token(
        string? role = "viewer", string? audience = Audience, string? issuer = null, TimeSpan? age = null,
        RSA? signedBy = null, string? nonce = null)
    {
        var issued = DateTime.UtcNow - (age ?? TimeSpan.Zero);
        var claims = new Dictionary<string, object> { ["sub"] = "carla" };
        if (role is not null)
            claims["roles"] = new[] { "somebody", role };
        if (nonce is not null)
            claims["nonce"] = nonce;
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer ?? Issuer,
            Audience = audience,
            IssuedAt = issued,
            NotBefore = issued,
            Expires = issued + TimeSpan.FromMinutes(10),
            Claims = claims,
            SigningCredentials = new SigningCredentials(Key(signedBy ?? _rsa), SecurityAlgorithms.RsaSha256),
        });
    }

    /// <summary>Signed with the public key, which everybody has, taken for a shared secret.</summary>
    public string TokenSignedWithThePublicKey()
    {
        var payload = Token("admin").Split('.')[1];
        var head = Base64UrlEncoder.Encode("""{"alg":"HS256","typ":"JWT","kid":"one"}""") + "." + payload;
        var secret = Encoding.ASCII.GetBytes(_rsa.ExportSubjectPublicKeyInfoPem());
        return $"{head}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(head)))}";
    }

    public string TokenWithoutSignature() =>
        Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""") + "." + Token("admin").Split('.')[1] + ".";

    private static RsaSecurityKey Key(RSA rsa) => new(rsa) { KeyId = "one" };

    private Task AnswerAsync(HttpContext http)
    {
        var key = _rsa.ExportParameters(includePrivateParameters: false);
        return http.Request.Path.Value switch
        {
            "/.well-known/openid-configuration" => http.Response.WriteAsJsonAsync(
                new
                {
                    issuer = Issuer,
                    jwks_uri = $"{Issuer}/jwks",
                    authorization_endpoint = $"{Issuer}/authorize",
                    token_endpoint = $"{Issuer}/token",
                }),
            "/authorize" => AuthorizeAsync(http),
            "/token" => GiveTokenAsync(http),
            "/jwks" => http.Response.WriteAsJsonAsync(new
            {
                keys = new[]
                {
                    new
                    {
                        kty = "RSA", use = "sig", alg = "RS256", kid = "one",
                        n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent),
                    },
                },
            }),
            _ => NotFound(http),
        };
    }

    private Task AuthorizeAsync(HttpContext http)
    {
        var asked = http.Request.Query;
        Assert.Equal(
            ("code", ClientId, "S256"),
            ((string?)asked["response_type"], (string?)asked["client_id"], (string?)asked["code_challenge_method"]));
        var code = Guid.NewGuid().ToString("N");
        string redirect = asked["redirect_uri"]!;
        _codes[code] = (asked["nonce"]!, asked["code_challenge"]!, redirect);
        http.Response.Redirect($"{redirect}?code={code}&state={Uri.EscapeDataString(asked["state"]!)}");
        return Task.CompletedTask;
    }

    private async Task GiveTokenAsync(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync();
        var challenge = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"]!)));
        if (!_codes.TryRemove(form["code"]!, out var asked) || asked.Challenge != challenge
            || asked.RedirectUri != form["redirect_uri"] || form["client_secret"] != Secret)
        {
            http.Response.StatusCode = 400;
            await http.Response.WriteAsJsonAsync(new { error = "invalid_grant" });
            return;
        }

        await http.Response.WriteAsJsonAsync(new
        {
            access_token = "access-token-of-carla",
            token_type = "Bearer",
            id_token = Token(Role, IdTokenAudience, nonce: Nonce ?? asked.Nonce),
        });
    }

    private static Task NotFound(HttpContext http)
    {
        http.Response.StatusCode = 404;
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _rsa.Dispose();
    }
}
