using System.Collections.Immutable;

namespace IamGateway.Routing;

/// <summary>What the store says of the routing state.</summary>
/// <param name="State">The state, or null if there is none.</param>
/// <param name="RunIds">The primaries that answered.</param>
internal sealed record StoredRouting(RoutingState? State, ImmutableArray<string> RunIds);

/// <summary>Holds the routing state, one document, and the audit log.</summary>
internal interface IRoutingStore
{
    /// <summary>Reads the state; the known one is returned as it is if nothing changed.</summary>
    ValueTask<StoredRouting> ReadAsync(RoutingState? known);

    /// <summary>
    /// Writes <paramref name="next"/> if the state is still <paramref name="expected"/> (null: none), and appends the
    /// events in the same step. False: somebody else was first, or the server is none of those that
    /// <paramref name="next"/> names, so that what was read before may not be what it holds.
    /// </summary>
    ValueTask<bool> TryWriteAsync(RoutingState? expected, RoutingState next, IReadOnlyList<AuditEvent> events);

    /// <summary>
    /// The events after an id, oldest first, or the latest if there is none. After what is no id come all.
    /// </summary>
    ValueTask<IReadOnlyList<AuditEvent>> ReadEventsAsync(string? after, int limit);

    /// <summary>Calls back when the state may have changed. A missed call is made up for by polling.</summary>
    ValueTask SubscribeAsync(Action changed);
}
