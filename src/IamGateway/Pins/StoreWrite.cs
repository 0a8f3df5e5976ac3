using IamGateway.Sessions;

namespace IamGateway.Pins;

internal enum StoreWriteKind
{
    /// <summary>Create the record, or raise its pin.</summary>
    Record,

    /// <summary>Point a name at a record; a name that exists stays as it is.</summary>
    Link,

    /// <summary>Extend what exists under the name, and stamp it with this generation if an ordinal is given.</summary>
    Refresh,

    /// <summary>Delete the record, as soon as no lease is left on it.</summary>
    End,

    /// <summary>Give a lease back.</summary>
    Release,

    /// <summary>Give back a lease of a session's group.</summary>
    ReleaseGroup,

    /// <summary>Note on which instance the session lives.</summary>
    Place,

    /// <summary>The same, unless something is known of it.</summary>
    PlaceAgain,

    /// <summary>Extend what is known of it.</summary>
    PlaceRefresh,

    /// <summary>Forget where it lived: it has ended.</summary>
    PlaceEnd,
}

/// <summary>A write that no request waits for.</summary>
/// <param name="Kind">What is written.</param>
/// <param name="Key">The name.</param>
/// <param name="Target">What a link points to.</param>
/// <param name="Ordinal">The version to record.</param>
/// <param name="Bucket">The session's place in the weights.</param>
/// <param name="Lease">The lease to give back.</param>
/// <param name="Lifetime">How long a name of this kind is kept; null: as long as a record.</param>
/// <param name="Instance">The instance that the session lives on.</param>
internal readonly record struct StoreWrite(
    StoreWriteKind Kind, SessionKey Key, SessionKey Target = default, int Ordinal = 0, int Bucket = 0,
    LeaseId Lease = default, TimeSpan? Lifetime = null, string? Instance = null);
