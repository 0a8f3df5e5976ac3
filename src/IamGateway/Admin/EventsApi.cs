using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Pins;
using IamGateway.Routing;

namespace IamGateway.Admin;

internal static partial class EventsApi
{
    private const int MaxPage = 500;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public static void MapEvents(this IEndpointRouteBuilder api)
    {
        api.MapGet("/events", async (IRoutingStore store, string? after, string? limit) =>
        {
            var count = 100;
            if (limit is not null
                && (!int.TryParse(limit, CultureInfo.InvariantCulture, out count) || count is < 1 or > MaxPage))
                return AdminProblems.BadField($"limit must be a whole number from 1 to {MaxPage}.");
            if (!IsId(after))
                return BadAfter();
            var events = await store.ReadEventsAsync(after, count);
            return Results.Ok(events.Select(Reply));
        }).RequireAuthorization(AdminAuthentication.Viewer).Produces<IEnumerable<EventReply>>().ProducesProblem(400)
            .WithSummary("The audit log, oldest first; pass the last id as after to read on.");
        api.MapGet("/events/stream", StreamAsync)
            .RequireAuthorization(AdminAuthentication.Viewer)
            .Produces<EventReply>(contentType: "text/event-stream").ProducesProblem(400)
            .WithSummary("The audit log as it grows (SSE).");
    }

    private static EventReply Reply(AuditEvent e) => new(e.Id, e.At, e.Who, e.What, e.From, e.To, e.Result, e.Revision);

    private static bool IsId(string? after) => string.IsNullOrEmpty(after) || IdPattern().IsMatch(after);

    private static IResult BadAfter() =>
        AdminProblems.BadField("after must be the id of an event, as GET /api/v1/events shows it.");

    private static async Task<IResult> StreamAsync(
        IRoutingStore store, Replica replica, TimeProvider time, string? after, HttpContext http)
    {
        after = http.Request.Headers["Last-Event-ID"].FirstOrDefault() ?? after;
        if (!IsId(after))
            return BadAfter();
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache";
        // The headers leave at once: a reader that is up to date must see that it is connected.
        await http.Response.Body.FlushAsync(http.RequestAborted);
        var written = time.GetTimestamp();
        while (!http.RequestAborted.IsCancellationRequested && !replica.IsLeaving)
        {
            var sequence = replica.View.State.Sequence;
            foreach (var e in await ReadAsync(store, after))
            {
                after = e.Id;
                var data = JsonSerializer.Serialize(Reply(e), RoutingJson.Options);
                await http.Response.WriteAsync($"id: {e.Id}\nevent: event\ndata: {data}\n\n", http.RequestAborted);
                written = time.GetTimestamp();
            }

            if (time.GetElapsedTime(written) > Heartbeat)
            {
                await http.Response.WriteAsync(":\n\n", http.RequestAborted);
                written = time.GetTimestamp();
            }

            // Every event comes with a change of the state; the second look is for what another replica did meanwhile.
            await replica.WaitForAsync(
                s => s.Sequence != sequence || http.RequestAborted.IsCancellationRequested, TimeSpan.FromSeconds(1));
        }

        return Results.Empty;
    }

    // The reader stays connected while the store is away; there is nothing that it could do better.
    private static async Task<IReadOnlyList<AuditEvent>> ReadAsync(IRoutingStore store, string? after)
    {
        try
        {
            return await store.ReadEventsAsync(after, MaxPage);
        }
        catch (StoreUnavailableException)
        {
            return [];
        }
    }

    [GeneratedRegex("^[0-9]{1,18}(-[0-9]{1,18})?$", RegexOptions.CultureInvariant)]
    private static partial Regex IdPattern();
}
