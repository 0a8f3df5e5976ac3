namespace DemoIam;

/// <summary>How one instance of the demo IAM behaves.</summary>
public sealed record DemoIamOptions
{
    /// <summary>The release this instance pretends to be, for example 8.2.1.</summary>
    public required string Version { get; init; }

    /// <summary>Where to listen; port 0 picks a free one (with an IP address, not with "localhost").</summary>
    public string Url { get; init; } = "http://127.0.0.1:0";

    /// <summary>Instance name; by default made of version and port.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// JSON lines file for the history. One file per instance: appends of several writers would collide.
    /// </summary>
    public string? HistoryFile { get; init; }

    /// <summary>Without a file, so many entries are kept in memory; the oldest are dropped first.</summary>
    public int HistoryLimit { get; init; } = 200_000;

    public string CookieName { get; init; } = "IAM_SESSION";

    /// <summary>
    /// Whether a request that meets newer state answers 500. If false it is only counted, the request goes on with
    /// what it read and changes nothing.
    /// </summary>
    public bool OldVersionFails { get; init; } = true;

    /// <summary>Fraction of session requests answering 500 (0 to 1), spread evenly rather than at random.</summary>
    public double ErrorRate { get; init; }

    /// <summary>Added to every session request, while its session is in work.</summary>
    public TimeSpan ExtraLatency { get; init; }

    /// <summary>If false, neither response headers nor the health answer tell version and instance.</summary>
    public bool ReportsVersion { get; init; } = true;

    /// <summary>How long a stopping instance waits for requests in flight.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
