namespace IamGateway.Pins;

/// <summary>
/// What one routing state allows a claim to do; the same for every request that sees this state, so it is made once.
/// Versions are ordinals (places in the order of activations); 0 stands for none.
/// </summary>
internal sealed record ClaimTerms
{
    /// <summary>Stands for every server in <see cref="RunIds"/>; for tests only.</summary>
    public const string AnyServer = "*";

    /// <summary>The store generation; a record stamped with another one proves nothing about an old version.</summary>
    public required string Generation { get; init; }

    /// <summary>The run ids of the primaries of this generation, each followed by a space.</summary>
    public required string RunIds { get; init; }

    /// <summary>
    /// Every replica has acknowledged the generation, so that old claims count and raises are allowed.
    /// </summary>
    public required bool GenerationAcknowledged { get; init; }

    /// <summary>Where a session without record belongs.</summary>
    public required int Newest { get; init; }

    /// <summary>
    /// The lowest active version. A pin below it is of a retired version, at which nothing is at work any more.
    /// </summary>
    public int Lowest { get; init; }

    /// <summary>
    /// Another version is in play, so that a session seen in the steady state is not proven to be there any more.
    /// </summary>
    public bool StampsAreLate { get; init; }

    /// <summary>No pin can be above it; one that is shows that the caller's view is old.</summary>
    public required int Top { get; init; }

    /// <summary>A pin here needs no lease and may be cached.</summary>
    public required int Final { get; init; }

    /// <summary>The version that sessions move to, or 0 when nobody moves.</summary>
    public required int RaiseTo { get; init; }

    /// <summary>Sessions with a bucket below it move, 0 to 10,000.</summary>
    public required int Cut { get; init; }

    /// <summary>A session without proof of an old version is ended, because the newest version was revoked.</summary>
    public required bool UnknownEnds { get; init; }

    /// <summary>
    /// A session without proof must wait for the next state: a revocation, or an activation that may have been, is
    /// under way.
    /// </summary>
    public required bool UnknownWaits { get; init; }

    /// <summary>Ordinals of revoked versions; sessions pinned there are ended.</summary>
    public required IReadOnlyList<int> Revoked { get; init; }

    /// <summary>Registrations whose leases count.</summary>
    public required IReadOnlyList<long> Replicas { get; init; }

    /// <summary>The first registration number that this state does not know; leases of later ones count.</summary>
    public required long NextReplica { get; init; }

    public required TimeSpan MaxDeferral { get; init; }

    public required TimeSpan MaxWait { get; init; }

    public required TimeSpan MaxHold { get; init; }

    public required TimeSpan SessionTtl { get; init; }

    /// <summary>
    /// How long a record is kept whose session nobody has seen begin, unless it is used again: its handle may be
    /// invented. Without the record the session goes to the newest version, where it is.
    /// </summary>
    public required TimeSpan UnknownTtl { get; init; }

    /// <summary>
    /// Names may be kept for less than <see cref="SessionTtl"/>, so that none may lead through another that goes
    /// earlier.
    /// </summary>
    public bool HasLifetimes { get; init; }

    /// <summary>True if a lease of this registration is live.</summary>
    public bool IsLive(long replica) => replica >= NextReplica || Replicas.Contains(replica);
}
