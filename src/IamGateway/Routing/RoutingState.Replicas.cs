using System.Collections.Immutable;

namespace IamGateway.Routing;

/// <summary>Registry, acknowledgements and store generation.</summary>
internal sealed partial record RoutingState
{
    /// <summary>
    /// Registers a process start. It has nothing in flight and applies this very state before it serves, so it
    /// acknowledges it.
    /// Another registration of the same admin address is of a dead process; so is every other one if the store is
    /// <paramref name="exclusive"/>, that is part of one process.
    /// </summary>
    public (RoutingState State, long Id) Register(
        string name, string adminAddress, DateTimeOffset now, bool exclusive = false)
    {
        var id = NextReplica;
        var entry = new ReplicaEntry(id, name, adminAddress, now, Revision, Forgotten: false);
        var state = this with
        {
            NextReplica = id + RandomGap(),
            Replicas =
            [
                .. Replicas.Select(r => exclusive || r.AdminAddress == adminAddress ? r with { Forgotten = true } : r),
                entry,
            ],
        };
        return (state, id);
    }

    /// <summary>Puts a registration back that a store without memory has lost.</summary>
    public RoutingState Restore(ReplicaEntry entry) => Replicas.Any(r => r.Id == entry.Id)
        ? this
        : this with
        {
            Replicas = Replicas.Add(entry with { Acknowledged = 0 }),
            NextReplica = Math.Max(NextReplica, entry.Id + RandomGap()),
        };

    /// <summary>Says that a process is dead; it still counts until <see cref="Remove"/>.</summary>
    public RoutingState Forget(long id) =>
        this with { Replicas = [.. Replicas.Select(r => r.Id == id ? r with { Forgotten = true } : r)] };

    /// <summary>Ends a registration: nothing of it is at work any more, its leases are void.</summary>
    public RoutingState Remove(long id, DateTimeOffset now)
    {
        if (Replicas.All(r => r.Id != id))
            return this;
        var removed = RemovedReplicas.Add(id);
        return (this with
        {
            Replicas = Replicas.RemoveAll(r => r.Id == id),
            RemovedReplicas = removed.Length > RememberedRemovals ? removed.RemoveAt(0) : removed,
        }).Advance(now);
    }

    /// <summary>
    /// Records that a replica has applied a revision, and takes the next step if it was the last one to.
    /// </summary>
    public RoutingState Acknowledge(long id, long revision, DateTimeOffset now) => (this with
    {
        Replicas =
        [
            .. Replicas.Select(r => r.Id == id ? r with { Acknowledged = Math.Max(r.Acknowledged, revision) } : r),
        ],
    }).Advance(now);

    /// <summary>The step that follows when every registered replica has acknowledged the present phase.</summary>
    private RoutingState Advance(DateTimeOffset now)
    {
        if (IsQuiet || Replicas.IsEmpty || Replicas.Any(r => r.Acknowledged < PhaseRevision))
            return this;
        switch (Phase)
        {
            case RoutingPhase.Flush:
                return Revised().EnterPrepare();
            case RoutingPhase.Prepare:
                var activated = this with
                {
                    Versions =
                    [
                        .. Versions.Select(v => v.Version == Pending
                            ? v with { Status = VersionStatus.Active, Since = now }
                            : v),
                    ],
                };
                return (activated.Revised() with
                {
                    Versions = activated.WithWeights(PendingWeights!),
                    Pending = null,
                    PendingWeights = null,
                }).Enter(RoutingPhase.Active);
            case RoutingPhase.Closing:
                return End(Older!.Version, VersionStatus.Retired, now);
            default:
                return End(Newest.Version, VersionStatus.Revoked, now);
        }
    }

    private RoutingState End(VersionId version, VersionStatus status, DateTimeOffset now)
    {
        var ended = Revised() with
        {
            Versions =
            [
                .. Versions.Select(v => v.Version == version ? v with { Status = status, Weight = 0, Since = now } : v),
            ],
        };
        return ended.Enter(ended.QuietPhase());
    }

    /// <summary>
    /// True if this state came of the earlier one and knows all that it knew. Within a generation the store lost
    /// nothing, so the sequence tells; a sequence of another history tells nothing, however high.
    /// </summary>
    public bool Continues(RoutingState earlier) => Generation.Tag == earlier.Generation.Tag
        ? Sequence >= earlier.Sequence
        : Earlier.Any(g => g.Tag == earlier.Generation.Tag && g.Sequence >= earlier.Sequence);

    /// <summary>The names of replicas that have not acknowledged a revision.</summary>
    public IEnumerable<string> Behind(long revision) =>
        Replicas.Where(r => r.Acknowledged < revision).Select(r => r.Name);

    /// <summary>The replicas, of those not known to be dead, that have not acknowledged the store generation.</summary>
    public IEnumerable<ReplicaEntry> BehindGeneration() =>
        Replicas.Where(r => !r.Forgotten && r.Acknowledged < Generation.Revision);

    /// <summary>The store's data are not the ones that were acknowledged: all claims must be made anew.</summary>
    public RoutingState Regenerate(ImmutableArray<string> runIds) =>
        Regenerate(runIds, Ended(Earlier.Add(new GenerationEnd(Generation.Tag, Sequence))));

    /// <summary>
    /// Sessions are named with another key from now on. None of those before is known any more, nor that it was ended.
    /// </summary>
    public RoutingState WithHashKey(StoredHashKey key, ImmutableArray<string> runIds, DateTimeOffset now) =>
        (this with { Id = RandomTag(), HashKey = key, EndedSessions = [], RecordedSince = now }).Regenerate(runIds);

    private RoutingState Regenerate(ImmutableArray<string> runIds, ImmutableArray<GenerationEnd> earlier)
    {
        var revised = Revised();
        return revised with
        {
            Earlier = earlier,
            PhaseRevision = revised.Revision,
            Generation = new StoreGeneration(RandomTag(), runIds, revised.Revision),
        };
    }

    /// <summary>
    /// Two histories of the state meet after the store lost one: the higher revision wins, the registries unite, and
    /// everything is acknowledged anew.
    /// </summary>
    public static RoutingState Merge(RoutingState remembered, RoutingState found, ImmutableArray<string> runIds)
    {
        var (winner, other) = (remembered.Revision, remembered.Sequence)
            .CompareTo((found.Revision, found.Sequence)) >= 0
            ? (remembered, found)
            : (found, remembered);
        var removed = winner.RemovedReplicas.Union(other.RemovedReplicas).ToArray();
        var forgotten = other.Replicas.Where(r => r.Forgotten).Select(r => r.Id).ToArray();
        var replicas = winner.Replicas.AddRange(other.Replicas).DistinctBy(r => r.Id)
            .Where(r => !removed.Contains(r.Id))
            .Select(r => r with { Acknowledged = 0, Forgotten = r.Forgotten || forgotten.Contains(r.Id) });
        var merged = winner with
        {
            Sequence = Math.Max(winner.Sequence, other.Sequence),
            Revision = Math.Max(winner.Revision, other.Revision),
            NextReplica = Math.Max(winner.NextReplica, other.NextReplica),
            NextOrdinal = Math.Max(winner.NextOrdinal, other.NextOrdinal),
            Replicas = [.. replicas],
            RemovedReplicas = [.. removed.TakeLast(RememberedRemovals)],
        };
        return merged.Know(other.Versions.Select(v => v.Version), default).Regenerate(
            runIds,
            Ended(
            [
                .. other.Earlier, .. winner.Earlier,
                new GenerationEnd(other.Generation.Tag, other.Sequence),
                new GenerationEnd(winner.Generation.Tag, winner.Sequence),
            ]));
    }

    private static ImmutableArray<GenerationEnd> Ended(IEnumerable<GenerationEnd> all) =>
    [
        .. all.GroupBy(g => g.Tag).Select(g => g.MaxBy(e => e.Sequence)!).TakeLast(RememberedGenerations),
    ];
}
