using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>A lease of a group of sessions.</summary>
/// <param name="Group">Any session of the group, see <see cref="SessionKey.Group"/>.</param>
/// <param name="Lease">The lease; in place of an attempt it has the bucket from which on it covers sessions.</param>
/// <param name="IsNew">It is to be taken; else the store is to say whether it still holds it.</param>
internal readonly record struct HeldGroup(SessionKey Group, LeaseId Lease, bool IsNew);
