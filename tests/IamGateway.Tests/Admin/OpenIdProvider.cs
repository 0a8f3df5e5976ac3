using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace IamGateway.Tests.Admin;

/// <summary>A small OpenID provider: discovery document, key set, and tokens signed with RSA.</summary>
internal sealed class OpenIdProvider : IAsyncDisposable
{
    public const string Audience = "iamgateway";
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly WebApplication _app;

    private OpenIdProvider(WebApplication app) => _app = app;

    public string Issuer => _app.Urls.First();

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
        RSA? signedBy = null)
    {
        var issued = DateTime.UtcNow - (age ?? TimeSpan.Zero);
        var claims = new Dictionary<string, object> { ["sub"] = "carla" };
        if (role is not null)
            claims["roles"] = new[] { "somebody", role };
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
                new { issuer = Issuer, jwks_uri = $"{Issuer}/jwks", authorization_endpoint = $"{Issuer}/authorize" }),
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
