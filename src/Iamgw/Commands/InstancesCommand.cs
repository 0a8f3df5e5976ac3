using System.CommandLine;
using System.Text.Json;
using Iamgw.Api;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class InstancesCommand
{
    private const string Path = "api/v1/instances";
    private const int MaxWaitSeconds = 86_400;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    public static Command Of(Verbs verbs)
    {
        var id = new Argument<string>("ID") { Description = "The instance, as iamgw instances list names it" };
        var wait = new Option<int?>("--wait")
        {
            Description = $"Wait so many seconds until it is drained; exit code {ExitCode.NotDrained} if it is not",
            HelpName = "SECONDS",
        };
        var force = new Option<bool>("--force")
        {
            Description = "Drain it even if it is the last one that can serve its sessions",
        };
        return verbs.Command(
            "instances", "List, drain and resume instances of the IAM", ListAsync,
            verbs.Command("list", "List the instances", ListAsync),
            verbs.Command(
                "drain", "Send nothing new to an instance; it is drained when nothing is left on it",
                (call, cancellation) => DrainAsync(
                    call, call.Value(id)!, call.Value(wait), call.Value(force), cancellation),
                id, wait, force),
            verbs.Command(
                "resume", "Let an instance take sessions again",
                (call, cancellation) => ResumeAsync(call, call.Value(id)!, cancellation), id));
    }

    private static async Task<int> ListAsync(Call call, CancellationToken cancellation)
    {
        var answer = await call.Client.GetAsync(Path, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var table = Call.Table(
            ("ID", false), ("VERSION", false), ("REPORTED", false), ("STATE", false), ("HEALTH", false),
            ("IN FLIGHT", true), ("ADDRESS", false));
        var instances = answer.Read<List<Instance>>();
        foreach (var instance in instances)
        {
            table.AddRow(
                Show.Safe(instance.Id), Show.Safe(instance.Version ?? "-"), Show.Safe(instance.ReportedVersion ?? "-"),
                State(instance.State), Health(instance.Health), $"{instance.InFlight}", Show.Safe(instance.Address));
        }

        call.Show(table);
        foreach (var instance in instances.Where(i => i.Reason is not null))
            call.Say($"{Show.Safe(instance.Id)} is {Show.Safe(instance.State)}: {Show.Safe(instance.Reason)}");
        return ExitCode.Ok;
    }

    private static async Task<int> ResumeAsync(Call call, string id, CancellationToken cancellation)
    {
        var answer = await call.Client.PostAsync($"{Path}/{AdminClient.Part(id)}/resume", null, cancellation);
        if (call.IsJson)
            call.Print(answer);
        else
            call.Say($"{Show.Safe(id)} is {State(answer.Read<Instance>().State)}.");
        return ExitCode.Ok;
    }

    private static async Task<int> DrainAsync(
        Call call, string id, int? seconds, bool force, CancellationToken cancellation)
    {
        if (seconds is < 0 or > MaxWaitSeconds)
            throw new Failure(ExitCode.Usage, $"--wait must be a number of seconds from 0 to {MaxWaitSeconds}.");
        var query = force ? "?force=true" : "";
        var answer = await call.Client.PostAsync($"{Path}/{AdminClient.Part(id)}/drain{query}", null, cancellation);
        if (seconds is { } patience && answer.Read<Instance>().State != "drained")
            answer = await UntilDrainedAsync(call, id, TimeSpan.FromSeconds(patience), cancellation);
        if (call.IsJson)
            call.Print(answer);
        var instance = answer.Read<Instance>();
        if (instance.State == "drained")
        {
            call.Say($"{Show.Safe(id)} is [green]drained[/]; nothing is left on it.");
            return ExitCode.Ok;
        }

        var left = $"{Show.Safe(id)} is {State(instance.State)}; {instance.InFlight} requests are at work on it.";
        if (seconds is null)
        {
            call.Say(left + " See iamgw instances list.");
            return ExitCode.Ok;
        }

        call.Warn(
            $"{Show.Clean(id)} was not drained within {seconds} s: {instance.InFlight} requests are at work on it.");
        return ExitCode.NotDrained;
    }

    private static async Task<Answer> UntilDrainedAsync(
        Call call, string id, TimeSpan patience, CancellationToken cancellation)
    {
        var started = call.Time.GetTimestamp();
        while (true)
        {
            var list = await call.Client.GetAsync(Path, cancellation);
            var index = list.Read<List<Instance>>().FindIndex(i => i.Id == id);
            if (index < 0)
                throw new Failure(ExitCode.NotFound, $"There is no instance '{Show.Clean(id)}' any more.");
            var instance = list with { Body = list.Read<List<JsonElement>>()[index].GetRawText() };
            var elapsed = call.Time.GetElapsedTime(started);
            if (instance.Read<Instance>().State == "drained" || elapsed >= patience)
                return instance;
            var rest = patience - elapsed;
            await Task.Delay(rest < Look ? rest : Look, call.Time, cancellation);
        }
    }

    private static string State(string? state) => state switch
    {
        "active" => "[green]active[/]",
        "drained" => "[blue]drained[/]",
        "quarantined" => "[red]quarantined[/]",
        _ => $"[yellow]{Show.Safe(state)}[/]",
    };

    private static string Health(string? health) => health == "unhealthy" ? "[red]unhealthy[/]" : Show.Safe(health);
}
