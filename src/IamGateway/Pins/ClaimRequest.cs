using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>One request's question to the store: at which version is this session, and may it move?</summary>
/// <param name="Key">The name asked for.</param>
/// <param name="Lease">The lease that the request takes if it stays below the newest version.</param>
/// <param name="Draw">The bucket to give the session if it has none.</param>
/// <param name="Must">The session cannot stay: its version has no usable instance, is closing, or a session beside it
/// is higher.</param>
/// <param name="MayRaise">The newest version has a usable instance.</param>
/// <param name="Hold">The request is on a hold path: no safe point to move.</param>
/// <param name="Former">A lease under which nothing is at work any more; it is given back with this claim.</param>
internal readonly record struct ClaimRequest(
    SessionKey Key, LeaseId Lease, int Draw, bool Must, bool MayRaise, bool Hold, LeaseId? Former = null);
