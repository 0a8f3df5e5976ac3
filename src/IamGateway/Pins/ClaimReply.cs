using IamGateway.Sessions;

namespace IamGateway.Pins;

internal enum ClaimOutcome
{
    /// <summary>The name points to another one; ask there.</summary>
    Alias = 1,

    /// <summary>The session stays at its pin and the request holds a lease.</summary>
    Leased = 2,

    /// <summary>The pin is the newest version: no lease, cacheable.</summary>
    Final = 3,

    /// <summary>The pin was raised to the newest version by this claim.</summary>
    Raised = 4,

    /// <summary>The session must move, and requests of it are still at work below.</summary>
    Wait = 5,

    /// <summary>The session was ended.</summary>
    Ended = 6,

    /// <summary>The store is not the one this state was agreed on, or not every replica has agreed on it yet.</summary>
    StaleGeneration = 7,

    /// <summary>The store knows more than the caller's routing state.</summary>
    StaleView = 8,

    /// <summary>As Final, and there was no record: the session was unknown.</summary>
    Unknown = 9,

    /// <summary>The store is full; the session goes to the newest version without a record.</summary>
    Full = 10,
}

/// <summary>The store's answer to a claim.</summary>
/// <param name="Outcome">What was decided.</param>
/// <param name="Pin">The version's ordinal, where one was decided.</param>
/// <param name="Bucket">The session's place in the weights, 0 to 9,999.</param>
/// <param name="Target">Where an alias points.</param>
/// <param name="IsAwaited">The session stays, and somebody waits for its leases to end.</param>
internal readonly record struct ClaimReply(
    ClaimOutcome Outcome, int Pin = 0, int Bucket = 0, SessionKey Target = default, bool IsAwaited = false);
