using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using IamGateway.Instances;

namespace IamGateway.Routing;

/// <summary>
/// What all replicas share: one document in the store, changed by compare-and-set on <see cref="Sequence"/>. Every
/// change that lets replicas do more goes through a phase in which they do less, and takes effect with the
/// acknowledgement that completes the set (<see cref="Advance"/>). All transitions are pure.
/// </summary>
internal sealed partial record RoutingState
{
    private const int RememberedRemovals = 64;
    private const int RememberedEndings = 1000;
    private const int RememberedGenerations = 64;
    private const int RememberedFingerprints = 128;

    /// <summary>Names this history of the state; a state made anew has another.</summary>
    public required string Id { get; init; }

    /// <summary>Grows with every write; the compare-and-set compares it.</summary>
    public required long Sequence { get; init; }

    /// <summary>Grows with every change that replicas must apply.</summary>
    public required long Revision { get; init; }

    public required RoutingPhase Phase { get; init; }

    /// <summary>The phase ends when every registered replica has acknowledged this revision.</summary>
    public required long PhaseRevision { get; init; }

    public required ImmutableArray<VersionEntry> Versions { get; init; }

    public required int NextOrdinal { get; init; }

    /// <summary>The version that Flush and Prepare lead to, and the weights that come with it.</summary>
    public VersionId? Pending { get; init; }

    public ImmutableDictionary<VersionId, int>? PendingWeights { get; init; }

    public required StoreGeneration Generation { get; init; }

    /// <summary>How far the generations before this one are part of this history, latest last.</summary>
    public ImmutableArray<GenerationEnd> Earlier { get; init; } = [];

    /// <summary>The generation in which the last Prepare began.</summary>
    public string? PreparedIn { get; init; }

    public required ImmutableArray<ReplicaEntry> Replicas { get; init; }

    public required long NextReplica { get; init; }

    /// <summary>Registrations that have ended for good; a union with an older state must not bring them back.</summary>
    public required ImmutableArray<long> RemovedReplicas { get; init; }

    /// <summary>The key of the keyed hashes by which sessions are named, as far as the store knows it.</summary>
    public required StoredHashKey HashKey { get; init; }

    /// <summary>Whether sessions below the newest version move by weight (true) or stay until they end.</summary>
    public bool MigrateExisting { get; init; } = true;

    /// <summary>Instances registered or drained through the API, over those of the configuration.</summary>
    public ImmutableArray<InstanceOverride> Instances { get; init; } = [];

    /// <summary>What tells the builds of instances apart that report no version.</summary>
    public ImmutableArray<KnownFingerprint> Fingerprints { get; init; } = [];

    /// <summary>Sessions ended by an operator whose requests must not be taken for the session any more.</summary>
    public ImmutableArray<string> EndedSessions { get; init; } = [];

    [JsonIgnore]
    public IEnumerable<VersionEntry> Active =>
        Versions.Where(v => v.Status == VersionStatus.Active).OrderBy(v => v.Ordinal);

    /// <summary>The highest version that sessions may live on.</summary>
    [JsonIgnore]
    public VersionEntry Newest => Active.Last();

    [JsonIgnore]
    public VersionEntry? Older => Active.Count() > 1 ? Active.First() : null;

    /// <summary>
    /// The highest ordinal that any replica may send to, or may have sent to: prepared, active or revoked.
    /// </summary>
    [JsonIgnore]
    public int TopOrdinal => Math.Max(
        Phase == RoutingPhase.Prepare ? Find(Pending!)!.Ordinal : 0,
        Versions.Where(v => v.Status is VersionStatus.Active or VersionStatus.Revoked).Max(v => v.Ordinal));

    [JsonIgnore]
    public bool GenerationAcknowledged => Replicas.All(r => r.Acknowledged >= Generation.Revision);

    /// <summary>
    /// A fail-over in Prepare may have lost an activation that a dead replica had seen: sessions may be at the pending
    /// version. Then there is only the way on to Active, and a session without proof waits for it.
    /// </summary>
    [JsonIgnore]
    public bool MustActivate => Phase == RoutingPhase.Prepare && PreparedIn != Generation.Tag;

    [JsonIgnore]
    public bool IsQuiet => Phase is RoutingPhase.Steady or RoutingPhase.Active;

    public VersionEntry? Find(VersionId version) => Versions.FirstOrDefault(v => v.Version == version);

    /// <summary>The first state: one version active at 100, the others registered.</summary>
    public static RoutingState Create(
        IEnumerable<VersionId> versions, VersionId initial, ImmutableArray<string> runIds, DateTimeOffset now,
        string? hashKey = null)
    {
        ImmutableArray<VersionEntry> entries =
        [
            .. versions.Append(initial).Distinct().Order().Select(v => v == initial
                ? new VersionEntry(v, VersionStatus.Active, 100, 1, now)
                : new VersionEntry(v, VersionStatus.Registered, 0, 0, now)),
        ];
        return new RoutingState
        {
            Id = RandomTag(),
            Sequence = 1,
            Revision = 1,
            Phase = RoutingPhase.Steady,
            PhaseRevision = 1,
            Versions = entries,
            NextOrdinal = 2,
            Generation = new StoreGeneration(RandomTag(), runIds, 1),
            Replicas = [],
            NextReplica = RandomGap(),
            RemovedReplicas = [],
            HashKey = StoredHashKey.Create(hashKey),
        };
    }

    /// <summary>Adds versions that configuration, API or discovery have named; they get nothing until told.</summary>
    public RoutingState Know(IEnumerable<VersionId> versions, DateTimeOffset now)
    {
        var added = versions.Where(v => Find(v) is null).Distinct()
            .Select(v => new VersionEntry(v, VersionStatus.Registered, 0, 0, now)).ToArray();
        return added.Length == 0
            ? this
            : Revised() with { Versions = [.. Versions.AddRange(added).OrderBy(v => v.Version)] };
    }

    /// <summary>
    /// Sets the weights; a version that is not active yet is activated by it, in the steps of <see cref="Advance"/>.
    /// </summary>
    public Change SetWeights(IReadOnlyDictionary<VersionId, int> weights)
    {
        if (weights.Count == 0 || weights.Values.Any(w => w is < 0 or > 100) || weights.Values.Sum() != 100)
        {
            return new Refusal(
                "weights_sum",
                $"weights must be integers from 0 to 100 that add up to 100; "
                + $"these add up to {weights.Values.Sum(w => (long)w)}.",
                IsConflict: false);
        }

        foreach (var version in weights.Keys)
        {
            if (Find(version) is null)
            {
                return new Refusal(
                    "unknown_version",
                    $"weights names version {version}, which no instance has; known are {Names(Versions)}.",
                    IsConflict: false);
            }
        }

        if (!IsQuiet)
            return Busy();
        var news = weights.Where(w => w.Value > 0 && Find(w.Key)!.Status != VersionStatus.Active)
            .Select(w => w.Key).ToArray();
        return news.Length == 0 ? Revised() with { Versions = WithWeights(weights) } : Activate(news, weights);
    }

    /// <summary>Activates a version with weights that may give it nothing yet: sessions are there already.</summary>
    public Change Activate(VersionId version, IReadOnlyDictionary<VersionId, int> weights) =>
        IsQuiet ? Activate([version], weights) : Busy();

    private Change Activate(VersionId[] news, IReadOnlyDictionary<VersionId, int> weights)
    {
        if (Array.Find(news, v => Find(v)!.Status != VersionStatus.Registered) is { } gone)
        {
            return new Refusal(
                "version_ended",
                $"Version {gone} is {Find(gone)!.Status.ToString().ToLowerInvariant()}; "
                + "a version never comes back. Give it no weight.");
        }

        if (news.Length > 1 || Active.Count() > 1)
        {
            return new Refusal(
                "too_many_versions",
                $"At most two versions are active at once and {Names(Active)} are active; retire the lowest first.");
        }

        if (news[0] < Newest.Version)
        {
            return new Refusal(
                "not_an_upgrade",
                $"Version {news[0]} is lower than the active {Newest.Version}; upgrades only go up.");
        }

        return GenerationAcknowledged ? BeginActivation(news[0], weights) : GenerationPending();
    }

    private RoutingState BeginActivation(VersionId version, IReadOnlyDictionary<VersionId, int> weights)
    {
        var begun = Revised() with { Pending = version, PendingWeights = weights.ToImmutableDictionary() };
        // From Active (one version left after a revocation) every replica is strict already: names are never late
        // there.
        return Phase == RoutingPhase.Active ? begun.EnterPrepare() : begun.Enter(RoutingPhase.Flush);
    }

    /// <summary>
    /// Takes back an activation that not every replica has acknowledged; see <see cref="MustActivate"/>.
    /// </summary>
    public RoutingState CancelActivation() =>
        Phase is RoutingPhase.Flush or RoutingPhase.Prepare && !MustActivate
            ? (Revised() with { Pending = null, PendingWeights = null }).Enter(QuietPhase())
            : this;

    /// <summary>Closes the lower of two active versions; it is retired when all replicas have acknowledged.</summary>
    public Change Close(VersionId version)
    {
        if (!IsQuiet)
            return Busy();
        if (Older?.Version != version)
        {
            return new Refusal(
                "not_retirable",
                $"Version {version} cannot be retired: only the lower of two active versions can; "
                + $"active: {Names(Active)}.");
        }

        if (!GenerationAcknowledged)
            return GenerationPending();
        return (Revised() with
        {
            Versions = WithWeights(new Dictionary<VersionId, int> { [Newest.Version] = 100 }),
        }).Enter(RoutingPhase.Closing);
    }

    /// <summary>Takes the newest version back; its sessions are ended when all replicas have acknowledged.</summary>
    public Change Revoke(VersionId version)
    {
        if (!IsQuiet)
            return Busy();
        if (Older is null || Newest.Version != version)
        {
            return new Refusal(
                "not_revocable",
                $"Version {version} cannot be revoked: only the newer of two active versions can; "
                + $"active: {Names(Active)}.");
        }

        if (!GenerationAcknowledged)
            return GenerationPending();
        return (Revised() with
        {
            Versions = WithWeights(new Dictionary<VersionId, int> { [Older.Version] = 100 }),
        }).Enter(RoutingPhase.Revoking);
    }

    /// <summary>
    /// Ends the strictness that a revocation leaves behind, when no session can be left on the revoked version.
    /// </summary>
    public RoutingState Settle(DateTimeOffset revokedBefore)
    {
        if (Phase != RoutingPhase.Active || Active.Count() > 1 || !GenerationAcknowledged
            || Versions.Any(v => v.Status == VersionStatus.Revoked && v.Ordinal > Newest.Ordinal
                && v.Since > revokedBefore))
            return this;
        return (Revised() with
        {
            Versions = [.. Versions.Select(v => v.Status == VersionStatus.Revoked ? v with { Ordinal = 0 } : v)],
        }).Enter(RoutingPhase.Steady);
    }

    /// <summary>Changes what the API has set for an instance; a version it names becomes known.</summary>
    public RoutingState SetInstance(string id, Func<InstanceOverride, InstanceOverride> change, DateTimeOffset time)
    {
        var old = Instances.FirstOrDefault(o => IsNamed(o, id));
        var set = change(old ?? new InstanceOverride(id, null, null, Draining: false));
        if (set == old)
            return this;
        var state = Revised() with { Instances = [.. Instances.Where(o => !IsNamed(o, id)), set] };
        return set.Version is null ? state : state.Know([set.Version], time);
    }

    public RoutingState RemoveInstance(string id) =>
        Revised() with { Instances = Instances.RemoveAll(o => IsNamed(o, id)) };

    private static bool IsNamed(InstanceOverride instance, string id) =>
        instance.Id.Equals(id, StringComparison.OrdinalIgnoreCase);

    /// <summary>Notes that an instance of this version has this fingerprint.</summary>
    public RoutingState Learn(KnownFingerprint fingerprint)
    {
        if (Fingerprints.Contains(fingerprint))
            return this;
        var known = Fingerprints.Add(fingerprint);
        return this with { Fingerprints = known.Length > RememberedFingerprints ? known.RemoveAt(0) : known };
    }

    /// <summary>Ends one session: its handles are taken out of requests from now on.</summary>
    public RoutingState EndSession(string key)
    {
        if (EndedSessions.Contains(key))
            return this;
        var ended = EndedSessions.Add(key);
        return Revised() with { EndedSessions = ended.Length > RememberedEndings ? ended.RemoveAt(0) : ended };
    }

    // The members that a record would print include the secret of the keyed hashes.
    public override string ToString() => $"{Phase} at revision {Revision}, {Names(Active)} active";

    private RoutingPhase QuietPhase() =>
        Active.Count() > 1 || Versions.Any(v => v.Status == VersionStatus.Revoked && v.Ordinal > Newest.Ordinal)
            ? RoutingPhase.Active
            : RoutingPhase.Steady;

    private RoutingState EnterPrepare() => (this with
    {
        PreparedIn = Generation.Tag,
        NextOrdinal = NextOrdinal + 1,
        Versions = [.. Versions.Select(v => v.Version == Pending ? v with { Ordinal = NextOrdinal } : v)],
    }).Enter(RoutingPhase.Prepare);

    private RoutingState Enter(RoutingPhase phase) => this with { Phase = phase, PhaseRevision = Revision };

    private RoutingState Revised() => this with { Revision = Revision + 1 };

    private ImmutableArray<VersionEntry> WithWeights(IReadOnlyDictionary<VersionId, int> weights) =>
        [.. Versions.Select(v => v with { Weight = weights.GetValueOrDefault(v.Version) })];

    private Refusal Busy() => new(
        "change_in_progress",
        $"The routing state is in phase {Phase.ToString().ToLowerInvariant()} at revision {Revision}; "
        + "try again when it is through.",
        IsTemporary: true);

    // A replica that has not acknowledged may remember a later state, which a command on this one would contradict.
    private Refusal GenerationPending() => new(
        "store_generation",
        "The store has restarted or failed over and "
        + $"{string.Join(", ", Replicas.Where(r => r.Acknowledged < Generation.Revision).Select(r => r.Name))} "
        + "did not acknowledge it yet; try again, or forget a replica that is dead.",
        IsTemporary: true);

    private static string Names(IEnumerable<VersionEntry> versions)
    {
        var names = versions.Select(v => v.Version.ToString()).ToArray();
        return names.Length switch
        {
            0 => "none",
            1 => names[0],
            _ => $"{string.Join(", ", names[..^1])} and {names[^1]}",
        };
    }

    public static string RandomTag() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    private static long RandomGap() => RandomNumberGenerator.GetInt32(1, 1 << 20);
}
