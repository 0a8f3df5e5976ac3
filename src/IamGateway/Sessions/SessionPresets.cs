namespace IamGateway.Sessions;

/// <summary>Lists of rules for IAMs whose handles are known; each has its page under <c>config/presets</c>.</summary>
internal static class SessionPresets
{
    private const string AirlockEnvironment = "AL_ENV_SESSION_ID";

    private static readonly Dictionary<string, Func<SessionRuleOptions, SessionRuleOptions[]>> Presets =
        new(StringComparer.Ordinal)
        {
            ["AirlockIam"] = _ => AirlockIam(),
            ["Keycloak"] = entry => Keycloak(entry.Path ?? "/realms"),
            ["OpenIdConnect"] = entry => OpenIdConnect(entry.Path ?? "/token", entry.IssuedAt),
        };

    public static IEnumerable<string> Names => Presets.Keys.Order();

    /// <summary>The rules that an entry with a preset stands for; null: there is no such preset.</summary>
    public static IReadOnlyList<SessionRuleOptions>? Find(SessionRuleOptions entry) =>
        Presets.GetValueOrDefault(entry.Preset!)?.Invoke(entry);

    // One servlet session per module, each under its own context path; the session of an Airlock Gateway in front is a
    // second name that no rotation changes.
    private static SessionRuleOptions[] AirlockIam() =>
    [
        new() { Name = "airlock-login", Cookie = "JSESSIONID", Path = "/auth-login" },
        new() { Name = "airlock-admin", Cookie = "JSESSIONID", Path = "/auth-admin" },
        new() { Name = "airlock-ta", Cookie = "JSESSIONID", Path = "/auth-transaction-approval" },
        new() { Name = "airlock-env", Cookie = AirlockEnvironment, Path = "/auth-login", Extract = "Except:none" },
        new() { Name = "airlock-env", Cookie = AirlockEnvironment, Path = "/auth-admin", Extract = "Except:none" },
        new()
        {
            Name = "airlock-env", Cookie = AirlockEnvironment, Path = "/auth-transaction-approval",
            Extract = "Except:none",
        },
    ];

    // Everything names the user session itself, so no handle needs a record of its own.
    private static SessionRuleOptions[] Keycloak(string realms) =>
    [
        new() { Name = "keycloak", Cookie = "AUTH_SESSION_ID", Path = realms, Extract = "SignedRoute" },
        new() { Name = "keycloak", Cookie = "KEYCLOAK_IDENTITY", Path = realms, Extract = "Jwt:sid" },
        new() { Name = "keycloak", Form = "code", Path = realms, Extract = "Part:.:1" },
        new() { Name = "keycloak", Form = "refresh_token", Path = realms, Extract = "Jwt:sid" },
        new() { Name = "keycloak", Form = "token", Path = realms, Extract = "Jwt:sid" },
        new() { Name = "keycloak", Form = "id_token_hint", Path = realms, Extract = "Jwt:sid" },
        new() { Name = "keycloak", Query = "id_token_hint", Path = realms, Extract = "Jwt:sid" },
        new() { Name = "keycloak", Header = "Authorization", Scheme = "Bearer", Path = realms, Extract = "Jwt:sid" },
    ];

    private static SessionRuleOptions[] OpenIdConnect(string token, string? authorization) =>
    [
        new() { Name = "oidc-code", Form = "code", Path = token, LocationQuery = "code", IssuedAt = authorization },
        new() { Name = "oidc-code", LocationFragment = "code", IssuedAt = authorization },
        new()
        {
            Name = "oidc-token", Form = "refresh_token", Path = token, JsonField = "refresh_token", IssuedAt = token,
        },
        new()
        {
            Name = "oidc-token", Header = "Authorization", Scheme = "Bearer", JsonField = "access_token",
            IssuedAt = token,
        },
        new() { Name = "oidc-token", LocationFragment = "access_token", IssuedAt = authorization },
        // Introspection and revocation name either kind of token in one field, so both kinds share a name.
        new() { Name = "oidc-token", Form = "token", Path = token },
        new() { Name = "oidc-id", Query = "id_token_hint", JsonField = "id_token", IssuedAt = token },
        // By POST: the request itself, which may come from another site without cookies, and the log-out.
        new() { Name = "oidc-id", Form = "id_token_hint", Path = authorization ?? "/auth" },
        new() { Name = "oidc-id", Form = "id_token_hint", Path = "/session/end" },
        new() { Name = "oidc-par", Form = "request_uri", Path = authorization ?? "/auth" },
        new() { Name = "oidc-par", Query = "request_uri", JsonField = "request_uri", IssuedAt = "/request" },
        new()
        {
            Name = "oidc-device", Form = "device_code", Path = token, JsonField = "device_code", IssuedAt = "/device",
        },
        new()
        {
            Name = "oidc-ciba", Form = "auth_req_id", Path = token,
            JsonField = "auth_req_id", IssuedAt = "/backchannel",
        },
    ];
}
