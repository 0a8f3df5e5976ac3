namespace IamGateway.Configuration;

/// <summary>The section <c>IamGateway:Admin</c>.</summary>
internal sealed class AdminOptions
{
    public List<ApiKeyOptions> ApiKeys { get; set; } = [];

    public JwtOptions? Jwt { get; set; }

    public OidcOptions? Oidc { get; set; }

    /// <summary>
    /// The names under which the admin listener is reached; none: any. Addresses and localhost always count.
    /// </summary>
    public List<string> AllowedHosts { get; set; } = [];

    /// <summary>
    /// Addresses or networks of proxies before the admin listener, whose X-Forwarded-Proto and X-Forwarded-For count;
    /// those of this machine always do.
    /// </summary>
    public List<string> TrustedProxies { get; set; } = [];

    public bool HasAuthentication => ApiKeys.Count > 0 || Jwt is not null || Oidc is not null;
}

/// <summary>One API key; only its hash is configured.</summary>
internal sealed class ApiKeyOptions
{
    /// <summary>Who uses it; the audit log's name.</summary>
    public string? Name { get; set; }

    /// <summary>SHA-256 of the key, in hex.</summary>
    public string? Sha256 { get; set; }

    /// <summary>viewer, operator or admin.</summary>
    public string? Role { get; set; }
}

/// <summary>Bearer tokens of an OpenID provider.</summary>
internal sealed class JwtOptions
{
    public string? Authority { get; set; }

    public string? Audience { get; set; }

    /// <summary>The claim that holds viewer, operator or admin. Default: roles.</summary>
    public string RoleClaim { get; set; } = "roles";
}

/// <summary>Log-in to the console at an OpenID provider.</summary>
internal sealed class OidcOptions
{
    /// <summary>The provider's issuer; none: that of Jwt.</summary>
    public string? Authority { get; set; }

    public string? ClientId { get; set; }

    /// <summary>Proves to the provider, and in the console's cookie, that this is the client.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>The claim of the ID token that holds viewer, operator or admin; none: that of Jwt, or roles.</summary>
    public string? RoleClaim { get; set; }

    /// <summary>Scopes to ask for beside openid and profile.</summary>
    public List<string> Scopes { get; set; } = [];
}
