using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Sessions;

namespace IamGateway.Admin;

internal static class SessionsApi
{
    public static void MapSessions(this IEndpointRouteBuilder api)
    {
        api.MapPost("/sessions/lookup", LookupAsync)
            .RequireAuthorization(AdminAuthentication.Viewer)
            .Accepts<LookupBody>("application/json").Produces<SessionReply>().ProducesProblem(404)
            .WithSummary("Where the session of a handle lives.");
        api.MapDelete("/sessions/{key}", EndAsync)
            .RequireAuthorization(AdminAuthentication.Admin)
            .Produces(204).ProducesProblem(404)
            .WithSummary("Ends a session: its handles are taken out of requests, the user logs in afresh.");
    }

    private static async Task<IResult> LookupAsync(
        GatewaySettings settings, Replica replica, IPinStore store, StoreOutbox outbox, SessionPlaces places,
        TimeProvider time, HttpContext http)
    {
        var (body, problem) = await AdminBody.ReadAsync<LookupBody>(http);
        if (problem is not null)
            return problem;
        if (string.IsNullOrEmpty(body!.Handle))
            return AdminProblems.BadField("handle is missing; send the value of a session cookie or token.");
        await outbox.FlushAsync(http.RequestAborted).WaitAsync(settings.Options.Store.Timeout, time)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var view = replica.View;
        foreach (var rule in settings.Sessions.All.DistinctBy(r => (r.Name, r.Extractor)))
        {
            if (SessionRules.TryKey(body.Handle, rule, view.Secret, out var key)
                && await store.FindAsync(key) is { } record && !view.Ended.Contains(record.Root))
            {
                return Results.Ok(new SessionReply(
                    record.Root.ToString(), view.VersionOf(record.Pin).ToString(), record.Bucket,
                    time.GetUtcNow() - record.Age, record.Leases,
                    places.IsOn ? await store.PlaceOfAsync(key) : null));
            }
        }

        return AdminProblems.Of(404, "unknown_session", "No session is recorded under this handle.");
    }

    private static async Task<IResult> EndAsync(
        string key, Replica replica, IPinStore store, SessionPlaces places, HttpContext http)
    {
        if (!SessionKey.TryParse(key, out var parsed))
            return AdminProblems.BadField(
                $"key: '{key}' is not the key of a session (32 hex digits); see POST /api/v1/sessions/lookup.");
        if (await store.FindAsync(parsed) is not { } record || replica.View.Ended.Contains(record.Root))
            return AdminProblems.Of(404, "unknown_session", $"No session has the key {key}.");
        var root = record.Root.ToString();
        await replica.ChangeAsync(s => s.EndSession(root), http.Who(), "session.ended", root);
        places.End(record.Root);
        return Results.NoContent();
    }
}
