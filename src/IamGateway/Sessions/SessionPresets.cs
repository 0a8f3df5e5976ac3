namespace IamGateway.Sessions;

/// <summary>Lists of rules for IAMs whose handles are known; each has its page under <c>config/presets</c>.</summary>
internal static class SessionPresets
{
    private static readonly Dictionary<string, SessionRuleOptions[]> Presets = new(StringComparer.Ordinal)
    {
        ["AirlockIam"] =
        [
            // One servlet session per module, each under its own context path.
            new() { Name = "airlock-login", Cookie = "JSESSIONID", Path = "/auth-login" },
            new() { Name = "airlock-admin", Cookie = "JSESSIONID", Path = "/auth-admin" },
            new() { Name = "airlock-ta", Cookie = "JSESSIONID", Path = "/auth-transaction-approval" },
        ],
    };

    public static IEnumerable<string> Names => Presets.Keys.Order();

    public static IReadOnlyList<SessionRuleOptions>? Find(string name) => Presets.GetValueOrDefault(name);
}
