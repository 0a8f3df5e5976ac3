using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class StatusApi
{
    public static void MapStatus(this IEndpointRouteBuilder api) => api.MapGet(
        "/status",
        (Replica replica, IRoutingStore store, StoreOutbox outbox, InstanceTable instances, SessionCensus census,
            InFlight inFlight, RolloutPresenter rollouts) =>
        {
            var state = replica.View.State;
            var me = state.Replicas.FirstOrDefault(r => r.Id == replica.Id);
            return new StatusReply(
                ReplicasApi.Reply(me ?? new ReplicaEntry(replica.Id, replica.Name, "", default, 0, false), replica),
                state.Revision,
                state.Phase.ToString().ToLowerInvariant(),
                replica.IsReady,
                new StoreReply(
                    store is MemoryRoutingStore ? "embedded" : "redis", replica.IsStoreUp, state.Generation.Tag,
                    outbox.Count),
                state.Newest.Version.ToString(),
                replica.View.MovesExistingSessions ? "migrate" : "stay",
                rollouts.Running(),
                VersionsApi.List(state, instances, census, inFlight));
        }).RequireAuthorization(AdminAuthentication.Viewer).WithSummary("How this replica and the whole stand.");
}
