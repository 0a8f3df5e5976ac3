using System.Collections.Immutable;
using IamGateway.Routing;

namespace IamGateway.Tests.Routing;

/// <summary>Routing states and events for tests of the routing stores.</summary>
internal static class SomeStates
{
    private static readonly DateTimeOffset Now = new(2026, 3, 3, 14, 0, 0, TimeSpan.Zero);

    public static RoutingState New(params ImmutableArray<string> runIds) =>
        RoutingState.Create(
            [VersionId.Parse("8.2.1"), VersionId.Parse("8.3.0")], VersionId.Parse("8.2.1"), runIds, Now);

    public static RoutingState Next(RoutingState state) =>
        state with { Sequence = state.Sequence + 1, Revision = state.Revision + 1 };

    public static AuditEvent Event(int number) =>
        new("", Now.AddSeconds(number), "a \"name\"", $"what.{number}", null, "8.3.0=100", "ok", number);
}
