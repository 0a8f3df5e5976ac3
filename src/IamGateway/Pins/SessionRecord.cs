using IamGateway.Sessions;

namespace IamGateway.Pins;

/// <summary>A session's entry in the store, as an operator sees it.</summary>
/// <param name="Root">The name that holds the record.</param>
/// <param name="Pin">The ordinal of its version.</param>
/// <param name="Bucket">Its place in the weights, 0 to 9,999.</param>
/// <param name="Leases">Requests at work below the newest version.</param>
/// <param name="Age">Time since the entry was last extended.</param>
internal sealed record SessionRecord(SessionKey Root, int Pin, int Bucket, int Leases, TimeSpan Age);
