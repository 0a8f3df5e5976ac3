using System.Collections.Immutable;
using IamGateway.Configuration;
using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>What somebody asks for, read and found well-formed.</summary>
internal sealed record RolloutOrder(
    VersionId To, ExistingSessions ExistingSessions, ImmutableArray<RolloutStep> Steps, bool SchemaUpgraded,
    bool AllowSkip, RolloutLimits Analysis, TimeSpan DrainDeadline)
{
    /// <summary>The version that it starts from: the lowest active one.</summary>
    public static VersionId From(RoutingState state) => state.Active.First().Version;

    public Rollout Create(
        string id, RoutingState state, string who, DateTimeOffset now, ImmutableArray<Precondition> preconditions) =>
        new()
        {
            Id = id,
            From = From(state),
            To = To,
            Status = RolloutStatus.Checking,
            ExistingSessions = ExistingSessions,
            SchemaUpgraded = SchemaUpgraded,
            AllowSkip = AllowSkip,
            CreatedAt = now,
            CreatedBy = who,
            UpdatedAt = now,
            Revision = state.Revision,
            Steps = Steps,
            Analysis = Analysis,
            DrainDeadline = DrainDeadline,
            Preconditions = preconditions,
        };
}
