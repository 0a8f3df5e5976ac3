using System.Text.Json;
using Iamgw.Api;

namespace Iamgw.Events;

/// <summary>
/// Reads the audit log on from a place, each event once, and says when what came before cannot be had any more.
/// </summary>
internal sealed class EventReader(Call call, EventPlace place, Action<string> write)
{
    public const int Page = 500;

    /// <summary>How far it has come.</summary>
    public EventPlace Place { get; private set; } = place;

    public int Count { get; private set; }

    /// <summary>All that is there, page by page.</summary>
    public async Task ReadAsync(CancellationToken cancellation)
    {
        await CheckAsync(cancellation);
        while (true)
        {
            var page = await PageAsync(Place.Id, Page, cancellation);
            foreach (var e in page)
                Take(Line(e));
            if (page.Count < Page)
                return;
        }
    }

    /// <summary>Goes on as the log grows. The gateway may be restarted meanwhile.</summary>
    public async Task FollowAsync(CancellationToken cancellation)
    {
        var seen = call.Time.GetTimestamp();
        while (true)
        {
            try
            {
                await CheckAsync(cancellation);
                await foreach (var e in call.Client.EventsAsync(Place.Id, cancellation))
                    Take(Line(e));
                seen = call.Time.GetTimestamp();
            }
            catch (Failure failure) when (failure.ExitCode is ExitCode.Unreachable or ExitCode.Refused
                && call.Time.GetElapsedTime(seen) < call.Surroundings.Patience)
            {
                // It is tried again until patience ends.
            }

            await Task.Delay(call.Surroundings.Refresh, call.Time, cancellation);
        }
    }

    /// <summary>The embedded log begins anew with its gateway, and any log forgets its oldest events.</summary>
    private async Task CheckAsync(CancellationToken cancellation)
    {
        if (Place.Before() is not { } before)
            return;
        var there = (await PageAsync(before, 1, cancellation)).Select(e => PlaceOf(e.GetRawText()))
            .FirstOrDefault();
        if (there?.Id == Place.Id && (Place.At is null || there.At == Place.At))
            return;
        call.Warn(
            $"warning: The log does not hold event {Show.Clean(Place.Id)} any more; events between it and the next one "
            + "may be missing.");
        // An ID that somebody has typed may as well be a time, and none of an event.
        if (Place.At is not null || (await PageAsync(Place.Id, 1, cancellation)).Count == 0)
            Place = EventPlace.Start;
    }

    private async Task<IReadOnlyList<JsonElement>> PageAsync(string after, int limit, CancellationToken cancellation)
    {
        var answer = await call.Client.GetAsync(
            $"api/v1/events?limit={limit}&after={AdminClient.Part(after)}", cancellation);
        return answer.Read<List<JsonElement>>();
    }

    private void Take(string line)
    {
        write(line);
        Count++;
        Place = PlaceOf(line) ?? Place;
    }

    public static string Line(JsonElement e) => Line(e.GetRawText());

    // Between the quotes of a string JSON has no line ends, so that these say nothing.
    private static string Line(string json) =>
        json.Replace("\n", "", StringComparison.Ordinal).Replace("\r", "", StringComparison.Ordinal);

    public static EventPlace? PlaceOf(string json) =>
        new Answer(200, json, true).Read<Event>() is { Id: { } id, At: var at } ? new EventPlace(id, at) : null;
}
