using System.Collections.Frozen;
using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Routing;

/// <summary>One routing state as a replica applies it: immutable, made once, read by every request.</summary>
internal sealed class RoutingView
{
    private static readonly TimeSpan UnknownTtl = TimeSpan.FromMinutes(10);
    private readonly VersionId?[] _byOrdinal;

    public RoutingView(RoutingState state, RoutingView? previous, GatewayOptions options)
    {
        var rules = options.TestOnly;
        State = state;
        NamesFirst = state.Phase != RoutingPhase.Steady && !rules.IsOff(ProtocolRule.NamesFirst);
        Names = KeepsNames(previous, state) || previous is not null && rules.IsOff(ProtocolRule.StaleFinal)
            ? previous!.Names
            : new NameCache(options.Store.CachedNames);
        Secret = state.HashKey.With(options.Store.HashKey)
            ?? throw new InvalidOperationException("The state's sessions are named with another key.");
        Ended = state.EndedSessions.Select(e => SessionKey.TryParse(e, out var key) ? key : default).ToFrozenSet();
        NotEnded = previous is not null && previous.State.EndedSessions.SequenceEqual(state.EndedSessions)
            ? previous.NotEnded
            : new NameCache(options.Store.CachedNames);
        var newest = state.Newest;
        var older = state.Older;
        var revoking = state.Phase == RoutingPhase.Revoking;
        // While the newest version is being taken back the older one is where new sessions go.
        var home = revoking ? older! : newest;
        Newest = home.Ordinal;
        Older = revoking ? 0 : older?.Ordinal ?? 0;
        Top = state.TopOrdinal;
        Final = newest.Ordinal == Top ? Top : 0;
        IsClosing = state.Phase == RoutingPhase.Closing;
        NewCut = Older == 0 ? 10_000 : newest.Weight * 100;
        _byOrdinal = new VersionId?[state.Versions.Max(v => v.Ordinal) + 1];
        foreach (var version in state.Versions.Where(v => v.Ordinal > 0))
            _byOrdinal[version.Ordinal] = version.Version;
        var revokedAbove = state.Versions.Any(v => v.Status == VersionStatus.Revoked && v.Ordinal > newest.Ordinal);
        MovesExistingSessions = options.Affinity == SessionAffinity.Version && MovesExisting(state, options);
        Terms = new ClaimTerms
        {
            Generation = rules.IsOff(ProtocolRule.Generation) ? "0" : state.Generation.Tag,
            RunIds = rules.IsOff(ProtocolRule.Generation)
                ? ClaimTerms.AnyServer
                : string.Join(' ', state.Generation.RunIds),
            GenerationAcknowledged = rules.IsOff(ProtocolRule.Generation) || state.GenerationAcknowledged,
            Newest = home.Ordinal,
            Lowest = state.Active.First().Ordinal,
            StampsAreLate = state.Phase != RoutingPhase.Steady,
            Top = Top,
            Final = Final,
            RaiseTo = state.Phase is RoutingPhase.Active or RoutingPhase.Closing && Older != 0 ? newest.Ordinal : 0,
            Cut = IsClosing ? 10_000 : MovesExistingSessions ? NewCut : 0,
            UnknownEnds = revokedAbove,
            UnknownWaits = revoking || state.MustActivate,
            Revoked =
            [
                .. state.Versions.Where(v => v.Status == VersionStatus.Revoked && v.Ordinal > 0).Select(v => v.Ordinal),
            ],
            Replicas = rules.IsOff(ProtocolRule.Barrier) ? [] : [.. state.Replicas.Select(r => r.Id)],
            NextReplica = rules.IsOff(ProtocolRule.Barrier) ? long.MaxValue : state.NextReplica,
            MaxDeferral = options.Migration.MaxDeferral,
            MaxWait = options.Migration.MaxWait,
            MaxHold = options.Migration.MaxHold,
            SessionTtl = options.Store.SessionTtl,
            UnknownTtl = options.Store.SessionTtl < UnknownTtl ? options.Store.SessionTtl : UnknownTtl,
            HasLifetimes = options.Sessions.Exists(r => r.Lifetime is not null),
        };
    }

    public RoutingState State { get; }

    /// <summary>
    /// What this replica remembers under this state; a request that still holds an older view writes to the older
    /// memory.
    /// </summary>
    public NameCache Names { get; }

    /// <summary>Key of the keyed hashes that name sessions.</summary>
    public byte[] Secret { get; }

    /// <summary>Sessions that an operator has ended, by the name that holds the record.</summary>
    public FrozenSet<SessionKey> Ended { get; }

    /// <summary>
    /// Names that were looked up and belong to none of <see cref="Ended"/>, so that each is looked up once.
    /// </summary>
    public NameCache NotEnded { get; }

    /// <summary>Ordinal of the version of new and unknown sessions.</summary>
    public int Newest { get; }

    /// <summary>Ordinal of the version below it, or 0.</summary>
    public int Older { get; }

    /// <summary>Ordinal of the version whose requests need leases, or 0.</summary>
    public int Leased => Older != 0 ? Older : Final == 0 ? Newest : 0;

    /// <summary>
    /// Sessions pinned to this ordinal stay there from this bucket on, as long as this state lasts.
    /// </summary>
    public int StayFrom(int ordinal) => Terms.RaiseTo > ordinal ? Terms.Cut : 0;

    /// <summary>Highest ordinal in play; below it a request needs a lease.</summary>
    public int Top { get; }

    /// <summary>The ordinal at which pins may be cached, or 0.</summary>
    public int Final { get; }

    public bool IsClosing { get; }

    /// <summary>New sessions with a bucket below it go to the newest version, 0 to 10,000.</summary>
    public int NewCut { get; }

    /// <summary>Sessions of the older version move by weight; else they end where they are.</summary>
    public bool MovesExistingSessions { get; }

    public ClaimTerms Terms { get; }

    /// <summary>Every session request asks the store, unless its pin is known to be final.</summary>
    public bool IsStrict => State.Phase > RoutingPhase.Flush;

    /// <summary>Names are in the store before the headers that hand them out leave.</summary>
    public bool NamesFirst { get; }

    private static bool MovesExisting(RoutingState state, GatewayOptions options) =>
        state.Rollout is { } rollout
            ? rollout.ExistingSessions == ExistingSessions.Migrate
            : state.MigrateExisting && options.Migration.ExistingSessions == ExistingSessions.Migrate;

    // What was assumed in the steady state is forgotten when the next version is prepared; another state has other
    // names.
    private static bool KeepsNames(RoutingView? previous, RoutingState state) =>
        previous is not null && previous.State.Id == state.Id
        && (previous.State.Phase == state.Phase || state.Phase is not (RoutingPhase.Prepare or RoutingPhase.Steady));

    public VersionId VersionOf(int ordinal) => _byOrdinal[ordinal]!;
}
