using System.CommandLine;
using Iamgw.Api;
using Iamgw.Rollouts;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class RolloutCommand
{
    private const string Path = "api/v1/rollouts";

    public static Command Of(Verbs verbs)
    {
        var id = new Argument<string>("ID")
        {
            Description = "The rollout [default: the one under way, or the last]",
            Arity = ArgumentArity.ZeroOrOne,
            DefaultValueFactory = _ => "current",
        };
        return verbs.Command(
            "rollout", "Upgrade to a higher version in steps that the gateway watches",
            (call, cancellation) => StatusAsync(call, "current", cancellation),
            RolloutStartCommand.Of(verbs),
            verbs.Command(
                "watch", "Show a rollout live until it ends",
                (call, cancellation) => new RolloutWatch(call, call.Value(id)!).RunAsync(cancellation), id),
            verbs.Command(
                "status", "Show a rollout once",
                (call, cancellation) => StatusAsync(call, call.Value(id)!, cancellation), id),
            verbs.Command("list", "List the rollout under way and those that have ended", ListAsync),
            Say(verbs, id, "pause", "Stop it where it is; its weights stay"),
            Say(verbs, id, "resume", "Let it go on, or past a step that waits for a person or for requests"),
            Say(verbs, id, "promote", "Give the new version all new sessions at once, without holds"),
            Say(verbs, id, "abort", "Give the old version all new sessions; those that have moved stay"),
            Revoke(verbs, id));
    }

    private static Command Say(Verbs verbs, Argument<string> id, string verb, string description) => verbs.Command(
        verb, description,
        (call, cancellation) => SayAsync(call, $"{AdminClient.Part(call.Value(id)!)}/{verb}", null, cancellation), id);

    private static Command Revoke(Verbs verbs, Argument<string> id)
    {
        var confirm = new Option<string>("--confirm")
        {
            Description = "The new version, to show that you mean it: its sessions end",
            HelpName = "VERSION",
            Required = true,
        };
        return verbs.Command(
            "revoke", "Take the new version back and end its sessions; takes the role admin",
            (call, cancellation) => SayAsync(
                call, $"{AdminClient.Part(call.Value(id)!)}/revoke", new { confirm = call.Value(confirm) },
                cancellation),
            id, confirm);
    }

    private static async Task<int> SayAsync(Call call, string path, object? body, CancellationToken cancellation)
    {
        var answer = await call.Client.PostAsync($"{Path}/{path}", body, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var rollout = answer.Read<Rollout>();
        var reason = rollout.LastReason is { } text ? $" ({Show.Safe(text)})" : "";
        call.Say($"{RolloutText.Headline(rollout, call.Time.GetUtcNow() + call.Client.Skew)}{reason}");
        return ExitCode.Ok;
    }

    private static async Task<int> StatusAsync(Call call, string id, CancellationToken cancellation)
    {
        var versions = call.IsJson ? [] : await RolloutWatch.VersionsAsync(call, cancellation);
        var answer = await call.Client.GetAsync($"{Path}/{AdminClient.Part(id)}", cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        call.Show(RolloutWatch.View(call, answer.Read<Rollout>(), versions, null));
        call.Console.WriteLine();
        return ExitCode.Ok;
    }

    private static async Task<int> ListAsync(Call call, CancellationToken cancellation)
    {
        var answer = await call.Client.GetAsync(Path, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var table = Call.Table(
            ("ID", false), ("FROM", false), ("TO", false), ("STATE", false), ("BEGUN", false), ("BY", false),
            ("LAST", false));
        foreach (var rollout in answer.Read<List<Rollout>>())
        {
            table.AddRow(
                Show.Safe(rollout.Id), Show.Safe(rollout.From), Show.Safe(rollout.To), RolloutText.State(rollout.State),
                call.At(rollout.CreatedAt), Show.Safe(rollout.CreatedBy), Show.Safe(rollout.LastReason));
        }

        call.Show(table);
        return ExitCode.Ok;
    }
}
