using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IamGateway.Configuration;
using IamGateway.Routing;
using Microsoft.AspNetCore.WebUtilities;

namespace IamGateway.WebConsole;

/// <summary>
/// Who is logged in, signed, so that every replica knows it without asking. The key is made of the secret that replicas
/// share in the routing state and of what the login rests on in the configuration: who can read only the store cannot
/// forge one. With the API key taken out of the configuration, or given another role, it is void; so it is with another
/// OpenID client.
/// </summary>
internal sealed class ConsoleTokens(GatewaySettings settings, Replica replica, TimeProvider time)
{
    public const string ApiKeySource = "ApiKey";
    public const string OidcSource = "OpenIdConnect";

    /// <summary>A working day with a night's upgrade behind it.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private static readonly byte[] Purpose = "iamgateway console 1"u8.ToArray();

    /// <summary>Makes a token; null: the login's foundation is not configured (any more).</summary>
    public string? Create(string source, string name, string role)
    {
        var identity = new ConsoleIdentity(
            source, name, role, (time.GetUtcNow() + Lifetime).ToUnixTimeSeconds());
        var payload = JsonSerializer.SerializeToUtf8Bytes(identity);
        return Secrets(identity).FirstOrDefault() is { } secret
            ? $"{WebEncoders.Base64UrlEncode(payload)}.{WebEncoders.Base64UrlEncode(Sign(payload, secret))}"
            : null;
    }

    /// <summary>Who that is; null: it is not ours, or not valid any more.</summary>
    public ConsoleIdentity? Read(string token)
    {
        if (token.Length > 2048 || token.Split('.') is not [var first, var second])
            return null;
        try
        {
            var (payload, signature) = (WebEncoders.Base64UrlDecode(first), WebEncoders.Base64UrlDecode(second));
            var identity = JsonSerializer.Deserialize<ConsoleIdentity>(payload);
            return identity is { Source: not null, Name: not null, Role: not null }
                && Secrets(identity).Any(s => CryptographicOperations.FixedTimeEquals(Sign(payload, s), signature))
                && identity.Expires > time.GetUtcNow().ToUnixTimeSeconds()
                ? identity
                : null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;
        }
    }

    private IEnumerable<byte[]> Secrets(ConsoleIdentity identity)
    {
        var admin = settings.Options.Admin;
        return identity.Source switch
        {
            ApiKeySource => admin.ApiKeys.Where(k => k.Name == identity.Name && k.Role == identity.Role)
                .Select(k => Convert.FromHexString(k.Sha256!)),
            OidcSource when admin.Oidc is { } oidc =>
                [SHA256.HashData(Encoding.UTF8.GetBytes($"{oidc.Authority}\n{oidc.ClientId}\n{oidc.ClientSecret}"))],
            _ => [],
        };
    }

    private byte[] Sign(byte[] payload, byte[] secret) => HMACSHA256.HashData(
        HKDF.DeriveKey(HashAlgorithmName.SHA256, replica.View.Secret, 32, secret, Purpose), payload);
}
