using System.CommandLine;
using System.Text.Json;
using Iamgw.Api;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class EventsCommand
{
    private const int Page = 500;
    private const int Usual = 50;

    public static Command Of(Verbs verbs)
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on and show events as they happen" };
        var after = new Option<string?>("--after") { Description = "Only events after this one", HelpName = "ID" };
        var limit = new Option<int>("--limit")
        {
            Description = $"At most so many, up to {Page}",
            HelpName = "N",
            DefaultValueFactory = _ => Usual,
        };
        return verbs.Command(
            "events", "Show the audit log: who did what, when, with which result",
            (call, cancellation) => RunAsync(
                call, call.Value(follow), call.Value(after), call.Value(limit), cancellation),
            follow, after, limit);
    }

    private static async Task<int> RunAsync(
        Call call, bool follow, string? after, int limit, CancellationToken cancellation)
    {
        if (limit is < 1 or > Page)
            throw new Failure(ExitCode.Usage, $"--limit must be a number from 1 to {Page}.");
        var query = after is null ? "" : $"&after={AdminClient.Part(after)}";
        var answer = await call.Client.GetAsync($"api/v1/events?limit={limit}{query}", cancellation);
        var events = answer.Read<List<JsonElement>>();
        if (call.IsJson && !follow)
        {
            call.Print(answer);
            return ExitCode.Ok;
        }

        foreach (var e in events)
            Write(call, e.GetRawText());
        return follow
            ? await FollowAsync(call, events.Count > 0 ? Id(events[^1].GetRawText()) : after, cancellation)
            : ExitCode.Ok;
    }

    // The gateway may be restarted meanwhile; it is asked for what came after the last event seen.
    private static async Task<int> FollowAsync(Call call, string? after, CancellationToken cancellation)
    {
        var seen = call.Time.GetTimestamp();
        while (true)
        {
            try
            {
                await foreach (var e in call.Client.EventsAsync(after, cancellation))
                {
                    after = Id(e) ?? after;
                    Write(call, e);
                }

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

    private static string? Id(string json) => new Answer(200, json, true).Read<Event>().Id;

    // With --json one event a line, whatever the API's spaces are.
    private static void Write(Call call, string json)
    {
        if (call.IsJson)
        {
            call.Surroundings.Out.WriteLine(json);
        }
        else
        {
            var e = new Answer(200, json, true).Read<Event>();
            var what = e switch
            {
                { From: not null, To: not null } => $"{Show.Safe(e.From)} -> {Show.Safe(e.To)}",
                _ => Show.Safe(e.To ?? e.From),
            };
            var result = e.Result is null or "ok" ? "" : $" [red]{Show.Safe(e.Result)}[/]";
            call.Console.MarkupLine(
                $"[grey]{Show.Safe(e.Id)}[/] {call.At(e.At)} {Show.Safe(e.Who)} [bold]{Show.Safe(e.What)}[/] "
                + what + result);
        }

        call.Surroundings.Out.Flush();
    }
}
