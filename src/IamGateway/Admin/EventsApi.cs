using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static class EventsApi
{
    private const int MaxPage = 500;

    public static void MapEvents(this IEndpointRouteBuilder api)
    {
        api.MapGet("/events", async (IRoutingStore store, string? after, int? limit) =>
        {
            if (limit is < 1 or > MaxPage)
                return AdminProblems.BadField($"limit must be from 1 to {MaxPage}.");
            var events = await store.ReadEventsAsync(after, limit ?? 100);
            return Results.Ok(events.Select(Reply));
        }).RequireAuthorization(AdminAuthentication.Viewer).Produces<IEnumerable<EventReply>>()
            .WithSummary("The audit log, oldest first; pass the last id as after to read on.");
        api.MapGet("/events/stream", (IRoutingStore store, Replica replica, string? after, HttpContext http) =>
            Results.ServerSentEvents(StreamAsync(
                store, replica, http.Request.Headers["Last-Event-ID"].FirstOrDefault() ?? after, http.RequestAborted)))
            .RequireAuthorization(AdminAuthentication.Viewer).WithSummary("The audit log as it grows (SSE).");
    }

    private static EventReply Reply(AuditEvent e) => new(e.Id, e.At, e.Who, e.What, e.From, e.To, e.Result, e.Revision);

    private static async IAsyncEnumerable<SseItem<EventReply>> StreamAsync(
        IRoutingStore store, Replica replica, string? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested && !replica.IsLeaving)
        {
            var sequence = replica.View.State.Sequence;
            var events = await store.ReadEventsAsync(after, MaxPage);
            foreach (var e in events)
            {
                after = e.Id;
                yield return new SseItem<EventReply>(Reply(e), "event") { EventId = e.Id };
            }

            // Every event comes with a change of the state; the second look is for what another replica did meanwhile.
            await replica.WaitForAsync(
                s => s.Sequence != sequence || cancellation.IsCancellationRequested, TimeSpan.FromSeconds(1));
        }
    }
}
