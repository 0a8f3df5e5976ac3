using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>A lease as it should stand in the store: on a session's record, with the session at a version.</summary>
internal readonly record struct HeldLease(SessionKey Root, LeaseId Id, int Ordinal);
