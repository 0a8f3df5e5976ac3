using IamGateway.Pins;
using IamGateway.Sessions;

namespace IamGateway.Tests.Pins;

/// <summary>Terms, names and requests for tests of the pin stores; version 1 is the older one, 2 the newest.</summary>
internal static class Some
{
    /// <summary>Registrations 1 and 2 are live, 3 to 9 are not, those from 10 on are later than this state.</summary>
    public static ClaimTerms Rollout { get; } = new()
    {
        Generation = "a1",
        RunIds = ClaimTerms.AnyServer,
        GenerationAcknowledged = true,
        Newest = 2,
        Top = 2,
        Final = 2,
        RaiseTo = 2,
        Cut = 0,
        UnknownEnds = false,
        UnknownWaits = false,
        Revoked = [],
        Replicas = [1, 2],
        NextReplica = 10,
        MaxDeferral = TimeSpan.FromMinutes(5),
        MaxWait = TimeSpan.FromSeconds(5),
        MaxHold = TimeSpan.FromMinutes(15),
        SessionTtl = TimeSpan.FromHours(12),
        UnknownTtl = TimeSpan.FromMinutes(20),
    };

    /// <summary>A version is prepared: sessions are at version 1, nothing is final, nobody moves.</summary>
    public static ClaimTerms Prepare { get; } = Rollout with { Newest = 1, Final = 0, RaiseTo = 0 };

    /// <summary>One version, 1, and nothing above it.</summary>
    public static ClaimTerms Steady { get; } = Rollout with { Newest = 1, Top = 1, Final = 1, RaiseTo = 0 };

    public static ClaimTerms All { get; } = Rollout with { Cut = 10_000 };

    public static SessionKey Key(int number) => new((UInt128)0xfeed_beef_0000_0001UL << 64 | (uint)number);

    public static LeaseId Lease(long request, long replica = 1) => new(replica, request);

    public static ClaimRequest Claim(
        SessionKey key, LeaseId? lease = null, int draw = 5000, bool must = false, bool mayRaise = true,
        bool hold = false) =>
        new(key, lease ?? Lease(1), draw, must, mayRaise, hold);

    public static StoreWrite Record(SessionKey key, int ordinal, int bucket = 5000) =>
        new(StoreWriteKind.Record, key, Ordinal: ordinal, Bucket: bucket);

    public static StoreWrite Link(SessionKey name, SessionKey root) => new(StoreWriteKind.Link, name, Target: root);

    public static StoreWrite Refresh(SessionKey key, int ordinal = 0) =>
        new(StoreWriteKind.Refresh, key, Ordinal: ordinal);

    public static StoreWrite End(SessionKey key) => new(StoreWriteKind.End, key);

    public static StoreWrite Release(SessionKey key, LeaseId? lease = null) =>
        new(StoreWriteKind.Release, key, Lease: lease ?? Lease(1));
}
