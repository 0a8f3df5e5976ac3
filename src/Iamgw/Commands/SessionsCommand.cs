using System.CommandLine;
using Iamgw.Api;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class SessionsCommand
{
    private const int MaxLength = 16_384;

    public static Command Of(Verbs verbs) => verbs.Command(
        "sessions", "Find out where a session lives", LookupAsync,
        verbs.Command(
            "lookup", "Show where the session of a handle lives; the handle is read from standard input, or asked for",
            LookupAsync));

    private static async Task<int> LookupAsync(Call call, CancellationToken cancellation)
    {
        var handle = await ReadAsync(call, cancellation);
        var answer = await call.Client.PostAsync("api/v1/sessions/lookup", new { handle }, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var session = answer.Read<Session>();
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        grid.AddRow("[bold]Version[/]", Show.Safe(session.Version));
        grid.AddRow("[bold]Key[/]", Show.Safe(session.Key));
        grid.AddRow("[bold]Bucket[/]", $"{session.Bucket}");
        grid.AddRow("[bold]Last seen[/]", $"{call.At(session.LastSeen)}");
        grid.AddRow("[bold]At work[/]", $"{session.InFlight} requests");
        call.Show(grid);
        return ExitCode.Ok;
    }

    // A handle is as good as a password: it is neither an argument nor shown while it is typed.
    private static async Task<string> ReadAsync(Call call, CancellationToken cancellation)
    {
        var surroundings = call.Surroundings;
        var line = surroundings.IsInputTerminal
            ? await AskAsync(surroundings, cancellation)
            : await surroundings.In.ReadLineAsync(cancellation);
        var handle = line?.Trim() ?? "";
        return handle.Length is > 0 and <= MaxLength
            ? handle
            : throw new Failure(
                ExitCode.Usage, "No handle was given; send the value of a session cookie or token to standard input.");
    }

    private static Task<string> AskAsync(Surroundings surroundings, CancellationToken cancellation) =>
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(surroundings.Error) })
            .PromptAsync(new TextPrompt<string>("Value of the session cookie or token:").Secret(null), cancellation);
}
