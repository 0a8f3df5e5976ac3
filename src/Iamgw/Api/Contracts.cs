using System.Text.Json.Serialization;

namespace Iamgw.Api;

// What the admin API answers, as far as the command line shows it. Fields that a gateway leaves out are their defaults.

internal sealed record Status(
    Replica? Replica, long Revision, string? Phase, bool Ready, Store? Store, string? NewestActive, Rollout? Rollout,
    IReadOnlyList<VersionRow>? Versions);

internal sealed record Store(string? Kind, bool Up, string? Generation, int Queued);

internal sealed record VersionRow(
    string? Version, string? State, int Weight, int Instances, long Sessions, int InFlight);

internal sealed record Weights(
    IReadOnlyDictionary<string, int>? Shares, long Revision, double? AppliedIn, IReadOnlyList<string>? Pending)
{
    [JsonPropertyName("weights")]
    public IReadOnlyDictionary<string, int>? Shares { get; init; } = Shares;
}

internal sealed record Instance(
    string? Id, string? Address, string? Version, string? ReportedVersion, string? Health, string? State, int InFlight,
    long? Sessions, string? Reason)
{
    [JsonIgnore]
    public bool IsUsable => State == "active" && Health != "unhealthy";
}

internal sealed record Session(string? Key, string? Version, int Bucket, DateTimeOffset LastSeen, int InFlight);

internal sealed record Replica(
    string? Id, string? Name, DateTimeOffset StartedAt, long AcknowledgedRevision, bool Forgotten, bool Self);

internal sealed record Event(
    string? Id, DateTimeOffset At, string? Who, string? What, string? From, string? To, string? Result, long Revision);

internal sealed record Readiness(string? Status, string? Reason);

/// <summary>RFC 9457, with the members that the admin API adds.</summary>
internal sealed record Problem(
    string? Title, int? Status, string? Detail, string? Code, IReadOnlyList<Precondition>? Preconditions);
