using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>
/// Records, names and leases of sessions. Every call is one atomic step on one entry. A call that cannot be carried out
/// throws <see cref="StoreUnavailableException"/>; what it was to write may or may not have been written.
/// </summary>
internal interface IPinStore
{
    /// <summary>It has answered within the last tenth of a second, and nothing has failed since.</summary>
    bool IsAnswering { get; }

    /// <summary>Decides a request of a session: stay with a lease, move, wait, or the newest version.</summary>
    ValueTask<ClaimReply> ClaimAsync(ClaimTerms terms, ClaimRequest request);

    /// <summary>
    /// Puts a lease on the record under a name, made anew if there is none. A record of an earlier generation loses its
    /// leases: nothing of that generation is at work any more. The outcome is Alias, Leased or StaleGeneration.
    /// </summary>
    ValueTask<ClaimReply> LeaseAsync(ClaimTerms terms, SessionKey key, LeaseId? lease, int ordinal, int bucket);

    /// <summary>
    /// Of each lease, whether the store holds it in this generation, the session is still at its version, and nobody
    /// waits for its end. Changes nothing.
    /// </summary>
    ValueTask<bool[]> AreHeldAsync(ClaimTerms terms, IReadOnlyList<HeldLease> leases);

    /// <summary>
    /// Sessions are in groups that can be leased as a whole: nobody raises one that a lease of its group covers.
    /// </summary>
    bool HasGroups => false;

    /// <summary>
    /// Takes leases of groups, or looks after them: of each, whether the store holds it in this generation and nobody
    /// waits for its end. Where somebody does none is taken.
    /// </summary>
    ValueTask<bool[]> HoldGroupsAsync(ClaimTerms terms, IReadOnlyList<HeldGroup> groups) =>
        throw new NotSupportedException();

    /// <summary>
    /// Points a name at a record unless the name exists; false: the store is of another generation. The name is kept
    /// for its kind's lifetime, or for SessionTtl, and longer if others lead through it.
    /// </summary>
    ValueTask<bool> LinkAsync(ClaimTerms terms, SessionKey name, SessionKey root, TimeSpan? lifetime = null);

    /// <summary>Carries out queued writes in order. If it throws, all of them may be given again.</summary>
    ValueTask ApplyAsync(ClaimTerms terms, IReadOnlyList<StoreWrite> writes);

    /// <summary>The record that a name leads to, or null.</summary>
    ValueTask<SessionRecord?> FindAsync(SessionKey name);

    /// <summary>
    /// The instance on which a session lives whose state is in an instance's memory; null: none is known.
    /// </summary>
    ValueTask<string?> PlaceOfAsync(SessionKey name);

    /// <summary>
    /// Lets a session live on an instance in place of another one, unless it lives on a third one already. Returns
    /// where it lives then; null: nothing is known of it any more, and nothing was written.
    /// </summary>
    ValueTask<string?> ReplaceAsync(ClaimTerms terms, SessionKey name, string instance, string instead);

    /// <summary>Lets a session live on an instance, whatever was known before.</summary>
    ValueTask PlaceAsync(ClaimTerms terms, SessionKey name, string instance);

    /// <summary>Sessions per instance, by looking at all places; costs time in proportion to them.</summary>
    ValueTask<IReadOnlyDictionary<string, long>> CountPlacesAsync(CancellationToken cancellation);

    /// <summary>
    /// Sessions per ordinal, by looking at all entries; costs time in proportion to them. Those that have ended and
    /// whose records must stay for a while may be left out.
    /// </summary>
    ValueTask<IReadOnlyDictionary<int, long>> CountAsync(CancellationToken cancellation);
}
