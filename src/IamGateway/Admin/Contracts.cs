using System.Text.Json;
using System.Text.Json.Serialization;

namespace IamGateway.Admin;

/// <summary>GET /api/v1/status.</summary>
/// <param name="ExistingSessions">Whether sessions of the older version migrate by weight now, or stay.</param>
internal sealed record StatusReply(
    ReplicaReply Replica, long Revision, string Phase, bool Ready, StoreReply Store, string NewestActive,
    string ExistingSessions, RolloutReply? Rollout, IReadOnlyList<VersionReply> Versions);

/// <summary>GET /api/v1/me.</summary>
/// <param name="Name">What the audit log calls you.</param>
internal sealed record MeReply(string Name, string Role);

/// <param name="Kind">embedded or redis.</param>
/// <param name="Up">It answered lately.</param>
/// <param name="Generation">One uninterrupted life of its data.</param>
/// <param name="Queued">Writes that wait for it.</param>
internal sealed record StoreReply(string Kind, bool Up, string Generation, int Queued);

/// <param name="State">registered, active, draining, retired or revoked.</param>
/// <param name="Weight">Share of new sessions in per cent.</param>
/// <param name="Instances">Usable instances.</param>
/// <param name="Sessions">Sessions at this version, from the last count.</param>
/// <param name="InFlight">Requests at work on it, seen from this replica.</param>
internal sealed record VersionReply(
    string Version, string State, int Weight, int Instances, long Sessions, int InFlight);

/// <param name="AppliedIn">Milliseconds until every replica had applied it.</param>
/// <param name="Pending">Replicas that have not applied it yet.</param>
internal sealed record WeightsReply(
    IReadOnlyDictionary<string, int> Weights, long Revision, double? AppliedIn = null,
    IReadOnlyList<string>? Pending = null);

/// <summary>PUT /api/v1/weights: integers that add up to 100.</summary>
internal sealed record WeightsBody(Dictionary<string, JsonElement>? Weights);

/// <param name="InFlight">Requests at work on it, over all replicas.</param>
/// <param name="Sessions">Sessions that live on it, with instance affinity.</param>
/// <param name="Reason">Why it is quarantined.</param>
/// <param name="Drain">What is left on it; only while it drains.</param>
internal sealed record InstanceReply(
    string Id, string Address, string? Version, string? ReportedVersion, string Health, string State, int InFlight,
    long? Sessions, string? Reason = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] InstanceDrainReply? Drain = null);

/// <param name="InFlight">Requests at work on it, over all replicas.</param>
/// <param name="Connections">Those of them that are upgraded connections or event streams.</param>
/// <param name="Sessions">Sessions that live on it, with instance affinity.</param>
/// <param name="WaitingFor">Replicas that have not said yet what they have there under this drain.</param>
/// <param name="EstimatedEnd">When nothing is left at the present pace; null: not known.</param>
internal sealed record InstanceDrainReply(
    int InFlight, int Connections, long? Sessions, IReadOnlyList<string> WaitingFor, DateTimeOffset? EstimatedEnd);

/// <summary>PUT /api/v1/instances/{id}.</summary>
internal sealed record InstanceBody(string? Address, string? Version);

/// <summary>POST /api/v1/sessions/lookup: the raw value of a handle; it is hashed at once and never stored.</summary>
internal sealed record LookupBody(string? Handle);

/// <param name="Instance">Where it lives, with instance affinity.</param>
internal sealed record SessionReply(
    string Key, string Version, int Bucket, DateTimeOffset LastSeen, int InFlight,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Instance = null);

/// <param name="Silent">It has not reported for five seconds.</param>
internal sealed record ReplicaReply(
    string Id, string Name, DateTimeOffset StartedAt, long AcknowledgedRevision, bool Forgotten, bool Self,
    bool Silent = false);

/// <summary>Commands that end something ask for its name.</summary>
internal sealed record ConfirmBody(string? Confirm);

internal sealed record EventReply(
    string Id, DateTimeOffset At, string Who, string What, string? From, string? To, string Result, long Revision);
