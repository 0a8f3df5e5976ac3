using IamGateway.Tests.Oidc.OpenIddict;

namespace IamGateway.Tests.Oidc;

/// <summary>A product: how an instance of it is started, and how a user gets through its pages.</summary>
/// <param name="StartAsync">Starts one of a version, on the Redis at a port, its keys beginning with a prefix.</param>
/// <param name="User">Makes a user.</param>
/// <param name="Cookies">The rules for its cookies; for its other handles the preset is there.</param>
internal sealed record OidcKind(
    Func<string, int, string, Task<IOidcProvider>> StartAsync, Func<OidcUserArguments, OidcUser> User,
    (string Rule, string Cookie)[] Cookies)
{
    public const string Older = "8.2.1";
    public const string Newer = "8.3.0";

    /// <summary>
    /// npm's oidc-provider. A log-in in progress is an interaction, whose two cookies carry the same value; the
    /// signatures beside the cookies (.sig) need no rule.
    /// </summary>
    public static OidcKind Node { get; } = new(
        NodeProvider.StartAsync, a => new NodeUser(a),
        [("session", "_session"), ("interaction", "_interaction"), ("interaction", "_interaction_resume")]);

    /// <summary>OpenIddict. A log-in in progress has no state but in its address.</summary>
    public static OidcKind OpenIddict { get; } = new(
        OpenIddictProvider.StartAsync, a => new OpenIddictUser(a), [("session", "_session")]);

    public static OidcKind Named(string name) => name == "OpenIddict" ? OpenIddict : Node;

    /// <summary>Every name by which a request refers to a log-in or a session.</summary>
    public Dictionary<string, string?> AllHandles()
    {
        var settings = Rules(Cookies);
        settings[$"IamGateway:Sessions:{Cookies.Length}:Preset"] = "OpenIdConnect";
        settings[$"IamGateway:Sessions:{Cookies.Length}:Path"] = "/token";
        settings[$"IamGateway:Sessions:{Cookies.Length}:IssuedAt"] = "/auth";
        return settings;
    }

    /// <summary>
    /// Without an access log, which has the path as it is: oidc-provider repeats its other cookie there, and that is no
    /// handle without a rule.
    /// </summary>
    public Dictionary<string, string?> SessionCookieOnly() =>
        new(Rules(Cookies[..1])) { ["IamGateway:AccessLog:Share"] = "0" };

    private static Dictionary<string, string?> Rules((string Rule, string Cookie)[] cookies) => cookies.Index()
        .SelectMany(c => new[] { ("Name", c.Item.Rule), ("Cookie", c.Item.Cookie) }
            .Select(s => ($"IamGateway:Sessions:{c.Index}:{s.Item1}", s.Item2)))
        .ToDictionary(s => s.Item1, s => (string?)s.Item2);
}
