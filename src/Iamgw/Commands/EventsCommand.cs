using System.CommandLine;
using System.Text.Json;
using Iamgw.Api;
using Iamgw.Events;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class EventsCommand
{
    private const int Usual = 50;

    public static Command Of(Verbs verbs)
    {
        var all = new Option<bool>("--all", "-a") { Description = "All events that are kept, or all after --after" };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on and show events as they happen" };
        var output = new Option<string?>("--output", "-o")
        {
            Description = "Append all events to a file, one a line as JSON; go on after the last one in it",
            HelpName = "FILE",
        };
        var after = new Option<string?>("--after") { Description = "Only events after this one", HelpName = "ID" };
        var limit = new Option<int?>("--limit")
        {
            Description = $"At most so many, up to {EventReader.Page} [default: {Usual}]",
            HelpName = "N",
        };
        return verbs.Command(
            "events", "Show or export the audit log: who did what, when, with which result",
            (call, cancellation) => RunAsync(
                call,
                new Asked(
                    call.Value(all), call.Value(follow), call.Value(output), call.Value(after), call.Value(limit)),
                cancellation),
            all, follow, output, after, limit);
    }

    private sealed record Asked(bool All, bool Follow, string? Output, string? After, int? Limit);

    private static Task<int> RunAsync(Call call, Asked asked, CancellationToken cancellation)
    {
        if (asked.Limit is < 1 or > EventReader.Page)
            throw new Failure(ExitCode.Usage, $"--limit must be a number from 1 to {EventReader.Page}.");
        if (asked is { Limit: not null } and ({ All: true } or { Output: not null }))
            throw new Failure(ExitCode.Usage, "--limit does not go with all events; leave it out.");
        if (asked.Output is not null)
            return ExportAsync(call, asked, asked.Output, cancellation);
        return asked.All ? ShowAllAsync(call, asked, cancellation) : ShowPageAsync(call, asked, cancellation);
    }

    private static async Task<int> ShowPageAsync(Call call, Asked asked, CancellationToken cancellation)
    {
        var query = asked.After is null ? "" : $"&after={AdminClient.Part(asked.After)}";
        var answer = await call.Client.GetAsync($"api/v1/events?limit={asked.Limit ?? Usual}{query}", cancellation);
        var lines = answer.Read<List<JsonElement>>().Select(EventReader.Line).ToList();
        if (call.IsJson && !asked.Follow)
        {
            call.Print(answer);
            return ExitCode.Ok;
        }

        lines.ForEach(l => Write(call, l));
        if (asked.Follow)
        {
            var last = lines.Count > 0 ? EventReader.PlaceOf(lines[^1]) : null;
            await new EventReader(call, last ?? From(asked), l => Write(call, l)).FollowAsync(cancellation);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> ShowAllAsync(Call call, Asked asked, CancellationToken cancellation)
    {
        var reader = new EventReader(call, From(asked), l => Write(call, l));
        await reader.ReadAsync(cancellation);
        if (asked.Follow)
            await reader.FollowAsync(cancellation);
        return ExitCode.Ok;
    }

    private static async Task<int> ExportAsync(
        Call call, Asked asked, string path, CancellationToken cancellation)
    {
        using var file = EventFile.Open(path);
        if (file.Last is not null && asked.After is not null)
        {
            throw new Failure(
                ExitCode.Usage,
                $"'{Show.Clean(path)}' has events already and goes on after the last one; leave --after out.");
        }

        var reader = new EventReader(call, file.Last ?? From(asked), file.Write);
        await reader.ReadAsync(cancellation);
        call.Say(
            $"{Show.Count(reader.Count)} events written to {Show.Safe(path)}"
            + (reader.Place == EventPlace.Start ? "." : $"; the last one in it is {Show.Safe(reader.Place.Id)}."));
        call.Surroundings.Out.Flush();
        if (asked.Follow)
            await reader.FollowAsync(cancellation);
        return ExitCode.Ok;
    }

    private static EventPlace From(Asked asked) =>
        asked.After is { } after ? new EventPlace(after, null) : EventPlace.Start;

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
