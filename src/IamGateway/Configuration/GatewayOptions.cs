using IamGateway.Sessions;

namespace IamGateway.Configuration;

/// <summary>The section <c>IamGateway</c>.</summary>
internal sealed class GatewayOptions
{
    /// <summary>The cluster of the section ReverseProxy that is the IAM. Default: iam.</summary>
    public string Cluster { get; set; } = "iam";

    /// <summary>
    /// Start a built-in demo IAM and route to it. Default: only in Development with no instance configured.
    /// </summary>
    public bool? Demo { get; set; }

    public StoreOptions Store { get; set; } = new();

    public List<SessionRuleOptions> Sessions { get; set; } = [];

    /// <summary>Path prefixes that never belong to a session; their requests go by weight.</summary>
    public List<string> Stateless { get; set; } = [];

    public VersionsOptions Versions { get; set; } = new();

    public MigrationOptions Migration { get; set; } = new();

    public RolloutOptions Rollout { get; set; } = new();

    public AccessLogOptions AccessLog { get; set; } = new();

    public EdgeOptions Edge { get; set; } = new();

    public LimitOptions Limits { get; set; } = new();

    public InstanceTlsOptions InstanceTls { get; set; } = new();

    /// <summary>
    /// Version: any instance of the session's version. Instance: the same one (IAM with sessions in its own memory).
    /// </summary>
    public SessionAffinity Affinity { get; set; }

    /// <summary>
    /// The longest an instance may work on a request, and so how long a cut-off one counts. Default: 00:01:00.
    /// </summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long requests may still take after SIGTERM. Default: 00:00:30.</summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long requests are still accepted after SIGTERM, while readiness is false. Default: 00:00:00.
    /// </summary>
    public TimeSpan ShutdownDelay { get; set; }

    public DnsOptions Dns { get; set; } = new();

    public DrainOptions Drain { get; set; } = new();

    public RetryOptions Retry { get; set; } = new();

    public WitnessOptions Witness { get; set; } = new();

    public AdminOptions Admin { get; set; } = new();

    public TestOnlyOptions TestOnly { get; set; } = new();
}

internal enum SessionAffinity
{
    Version,
    Instance,
}

/// <summary>The section <c>IamGateway:Store</c>.</summary>
internal sealed class StoreOptions
{
    /// <summary>Begins every key in Redis. Default: iamgw.</summary>
    public string KeyPrefix { get; set; } = "iamgw";

    /// <summary>A call that takes longer has failed. 10 ms to 5 s, default 00:00:00.200.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Embedded store: where the routing state survives a restart. Default: iamgateway-state.json.</summary>
    public string? StateFile { get; set; } = "iamgateway-state.json";

    /// <summary>How long an unused entry is kept; at least the IAM's session lifetime. Default: 12:00:00.</summary>
    public TimeSpan SessionTtl { get; set; } = TimeSpan.FromHours(12);

    /// <summary>
    /// Embedded store: the most sessions it holds, and as many further names of them. Default: 1,000,000.
    /// </summary>
    public int MaxSessions { get; set; } = 1_000_000;

    /// <summary>
    /// How long a starting replica leaves it to the others to put the routing state back into a store that has lost it.
    /// Default: 00:00:03.
    /// </summary>
    public TimeSpan RestoreWait { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>The most names one replica remembers, of about 100 bytes each. Default: 2,000,000.</summary>
    public int CachedNames { get; set; } = 2_000_000;

    /// <summary>
    /// A secret without which nobody who has the store can tell the name of a session, even of one whose handle they
    /// know. At least 32 characters, the same on every replica. Default: none.
    /// </summary>
    public string? HashKey { get; set; }

    /// <summary>Another <see cref="HashKey"/> than the one used so far, or none, is meant. Default: false.</summary>
    public bool ReplaceHashKey { get; set; }
}

/// <summary>The section <c>IamGateway:Versions</c>.</summary>
internal sealed class VersionsOptions
{
    /// <summary>The version that is active at 100 when there is no routing state yet.</summary>
    public string? Initial { get; set; }

    public DiscoveryOptions Discovery { get; set; } = new();
}

/// <summary>The section <c>IamGateway:Versions:Discovery</c>: how an instance reports its version.</summary>
internal sealed class DiscoveryOptions
{
    /// <summary>The path to ask, for example /health.</summary>
    public string? Path { get; set; }

    /// <summary>The version stands in this top-level field of the JSON answer.</summary>
    public string? JsonField { get; set; }

    /// <summary>The version stands in this header of the answer.</summary>
    public string? Header { get; set; }

    /// <summary>The version is the first group of this regular expression in the answer.</summary>
    public string? Pattern { get; set; }

    /// <summary>Every response of an instance carries its version in this header.</summary>
    public string? ResponseHeader { get; set; }

    /// <summary>
    /// For an IAM that reports no version anywhere: what tells that an instance is another build than before.
    /// </summary>
    public FingerprintOptions? Fingerprint { get; set; }

    /// <summary>Time between two probes. Default: 00:00:05.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest a probe may take. Default: 00:00:02.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);
}

/// <summary>The section <c>IamGateway:Versions:Discovery:Fingerprint</c>.</summary>
internal sealed class FingerprintOptions
{
    /// <summary>The page to look at, for example the login page.</summary>
    public string? Path { get; set; }

    /// <summary>Only this header of the answer counts.</summary>
    public string? Header { get; set; }

    /// <summary>Only what this regular expression matches in the page counts, for example names of assets.</summary>
    public string? Pattern { get; set; }
}

internal enum ExistingSessions
{
    Migrate,
    Stay,
}

/// <summary>The section <c>IamGateway:Migration</c>.</summary>
internal sealed class MigrationOptions
{
    /// <summary>
    /// Migrate: sessions move to the new version by weight. Stay: they end where they are (starve out).
    /// </summary>
    public ExistingSessions ExistingSessions { get; set; }

    /// <summary>Path prefixes on which a session does not move, for example a login in progress.</summary>
    public List<string> HoldPaths { get; set; } = [];

    /// <summary>The longest that hold paths keep a session. Default: 00:05:00.</summary>
    public TimeSpan MaxHold { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a session that is never quiet is left alone before new requests wait. Default: 00:00:30.
    /// </summary>
    public TimeSpan MaxDeferral { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest that a request waits for others of its session. Default: 00:00:05.</summary>
    public TimeSpan MaxWait { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>The section <c>IamGateway:AccessLog</c>.</summary>
internal sealed class AccessLogOptions
{
    /// <summary>
    /// The share of requests that get a line; above 0 those that failed get one in any case. 0 to 1, default 0.
    /// </summary>
    public double Share { get; set; }
}

/// <summary>The section <c>IamGateway:Dns</c>.</summary>
internal sealed class DnsOptions
{
    /// <summary>How often the addresses of names are asked for. Default: 00:00:05.</summary>
    public TimeSpan Refresh { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>The section <c>IamGateway:Drain</c>.</summary>
internal sealed class DrainOptions
{
    /// <summary>
    /// WebSockets and streams of events whose instance or version goes are closed within this time. Default: 00:00:10.
    /// </summary>
    public TimeSpan CloseWithin { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>The section <c>IamGateway:Retry</c>.</summary>
internal sealed class RetryOptions
{
    /// <summary>
    /// The share of requests that may be repeated after they had reached an instance, beside a few in each second.
    /// 0 to 1, default 0.2.
    /// </summary>
    public double Budget { get; set; } = 0.2;
}

/// <summary>
/// The section <c>IamGateway:Witness</c>: a signed cookie that tells any replica that a session is final.
/// </summary>
internal sealed class WitnessOptions
{
    public bool Enabled { get; set; }

    /// <summary>Names of witness cookies begin with it. Default: iamgw.</summary>
    public string CookieName { get; set; } = "iamgw";

    /// <summary>Lax, Strict or None (SAML POST and form_post callbacks). Default: Lax.</summary>
    public string SameSite { get; set; } = "Lax";

    /// <summary>Keys in base64, at least 32 bytes each; the first signs, all verify.</summary>
    public List<string> Keys { get; set; } = [];
}
