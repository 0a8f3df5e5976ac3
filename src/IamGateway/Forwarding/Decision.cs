namespace IamGateway.Forwarding;

/// <summary>Why a request went where it went; the label of metrics and logs.</summary>
internal enum Decision
{
    /// <summary>No session yet: by weight.</summary>
    New,

    /// <summary>The session stays below the newest version, with a lease.</summary>
    Pinned,

    /// <summary>The session is at the newest version.</summary>
    Final,

    /// <summary>This request moved the session up.</summary>
    Migrated,

    /// <summary>A session that the store does not know: the newest version.</summary>
    Unknown,

    /// <summary>The path belongs to no session.</summary>
    Stateless,

    /// <summary>No usable instance at its version: the session moved up.</summary>
    ForcedUp,

    /// <summary>Not forwarded.</summary>
    Refused,
}

/// <summary>Why the gateway itself answers instead of an instance; the value of X-IamGateway-Refusal.</summary>
internal enum RefusalCode
{
    None,
    NoInstance,
    StoreUnavailable,
    VersionRevoked,
    BarrierTimeout,
    NotReady,
    Forgotten,

    /// <summary>The IAM might read the path differently, and the operator wants no such request.</summary>
    AmbiguousPath,

    /// <summary>Its body is longer than the operator allows.</summary>
    BodyTooLarge,

    /// <summary>Its client sends more requests of unknown sessions than the operator allows.</summary>
    TooManyNewSessions,
}
