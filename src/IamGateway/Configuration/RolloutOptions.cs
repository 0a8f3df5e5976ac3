namespace IamGateway.Configuration;

/// <summary>The section <c>IamGateway:Rollout</c>.</summary>
internal sealed class RolloutOptions
{
    /// <summary>The lowest version that can take part in a rolling upgrade (Airlock IAM: 8.2.0).</summary>
    public string? MinimumVersion { get; set; }

    /// <summary>
    /// The IAM keeps session state outside its instances, so that any instance can take any session. Default: true.
    /// </summary>
    public bool SessionStateExternal { get; set; } = true;

    /// <summary>Answers 2xx when the IAM's database schema fits the version in X-IamGateway-Version.</summary>
    public string? SchemaCheckUrl { get; set; }

    /// <summary>The longest that the check of the schema may take. Default: 00:00:05.</summary>
    public TimeSpan SchemaCheckTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long names must have been recorded before a rollout begins; sessions that were not go to the new version at
    /// once. Default: 00:00:00.
    /// </summary>
    public TimeSpan MinimumRecording { get; set; }

    public List<WebhookOptions> Webhooks { get; set; } = [];

    public List<GateOptions> Gates { get; set; } = [];
}

/// <summary>Who is told of a rollout's transitions.</summary>
internal sealed class WebhookOptions
{
    public string? Url { get; set; }

    /// <summary>Signs the calls; base64 of at least 32 bytes, or a text of at least 16 characters.</summary>
    public string? Secret { get; set; }

    /// <summary>The states it is told of; empty: all.</summary>
    public List<string> Events { get; set; } = [];
}

/// <summary>Who is asked before each step.</summary>
internal sealed class GateOptions
{
    public string? Url { get; set; }

    /// <summary>The longest that an answer may take. Default: 00:00:05.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);
}
