using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using IamGateway.Configuration;
using IamGateway.WebConsole;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace IamGateway.Admin;

/// <summary>
/// Who may use the admin API: API keys and JWT bearer tokens, three roles of which the higher includes the lower.
/// </summary>
internal static class AdminAuthentication
{
    public const string Viewer = "viewer";
    public const string Operator = "operator";
    public const string Admin = "admin";
    public const string ApiKeyScheme = "ApiKey";

    public static void AddAdminAuthentication(this IServiceCollection services, AdminOptions options)
    {
        var authentication = services.AddAuthentication("ApiKeyOrJwt")
            .AddPolicyScheme("ApiKeyOrJwt", null, scheme => scheme.ForwardDefaultSelector = http =>
                ConsoleHandler.IsUsedBy(http.Request)
                    ? ConsoleHandler.Name
                    : options.Jwt is not null && !http.Request.Headers.ContainsKey(ApiKeyHandler.Header)
                        ? JwtBearerDefaults.AuthenticationScheme
                        : ApiKeyScheme)
            .AddScheme<AuthenticationSchemeOptions, ConsoleHandler>(ConsoleHandler.Name, null)
            .AddScheme<ApiKeyHandler.Settings, ApiKeyHandler>(ApiKeyScheme, s => s.Admin = options);
        if (options.Jwt is { } jwt)
        {
            authentication.AddJwtBearer(bearer =>
            {
                bearer.Authority = jwt.Authority;
                bearer.Audience = jwt.Audience;
                bearer.MapInboundClaims = false;
                bearer.RequireHttpsMetadata = jwt.Authority?.StartsWith("https:", StringComparison.Ordinal) == true;
                bearer.TokenValidationParameters.RoleClaimType = jwt.RoleClaim;
                bearer.TokenValidationParameters.NameClaimType = "sub";
            });
        }

        if (options.Oidc is { } oidc)
            authentication.AddConsoleOidc(oidc);

        // Closed unless an endpoint says otherwise.
        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())
            .AddPolicy(Viewer, p => p.RequireRole(Viewer, Operator, Admin))
            .AddPolicy(Operator, p => p.RequireRole(Operator, Admin))
            .AddPolicy(Admin, p => p.RequireRole(Admin));
    }

    /// <summary>The highest role that somebody has; null: none.</summary>
    public static string? Role(ClaimsPrincipal user) => Array.Find([Admin, Operator, Viewer], user.IsInRole);

    /// <summary>The name that the audit log shows.</summary>
    public static string Who(this HttpContext http) => http.User.Identity?.Name ?? "unknown";
}

/// <summary>Compares the hash of X-Api-Key with every configured hash, in constant time.</summary>
internal sealed class ApiKeyHandler(
    IOptionsMonitor<ApiKeyHandler.Settings> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<ApiKeyHandler.Settings>(options, logger, encoder)
{
    public const string Header = "X-Api-Key";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers[Header] is not [{ Length: > 0 and <= 512 } presented])
            return Task.FromResult(AuthenticateResult.NoResult());
        if (Find(Options.Admin.ApiKeys, presented) is not { } match)
            return Task.FromResult(AuthenticateResult.Fail("Unknown API key."));
        var identity = new ClaimsIdentity(
            [new Claim(ClaimTypes.Name, match.Name!), new Claim(ClaimTypes.Role, match.Role!)], Scheme.Name);
        return Task.FromResult(AuthenticateResult.Success(
            new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
    }

    /// <summary>The key that somebody presents, or null.</summary>
    public static ApiKeyOptions? Find(IReadOnlyList<ApiKeyOptions> keys, string presented)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(presented));
        ApiKeyOptions? match = null;
        foreach (var key in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, Convert.FromHexString(key.Sha256!)))
                match = key;
        }

        return match;
    }

    internal sealed class Settings : AuthenticationSchemeOptions
    {
        /// <summary>Its keys may be exchanged while it runs.</summary>
        public AdminOptions Admin { get; set; } = new();
    }
}
