using System.CommandLine;
using Iamgw.Api;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class ReplicasCommand
{
    private const string Path = "api/v1/replicas";

    public static Command Of(Verbs verbs)
    {
        var id = new Argument<string>("ID") { Description = "ID or name of a replica whose process is dead" };
        return verbs.Command(
            "replicas", "List the replicas of the gateway, or forget a dead one", ListAsync,
            verbs.Command("list", "List the replicas and the revision each has applied", ListAsync),
            verbs.Command(
                "forget", "Say that a replica's process is dead; never of one that may still run",
                (call, cancellation) => ForgetAsync(call, call.Value(id)!, cancellation), id));
    }

    private static async Task<int> ListAsync(Call call, CancellationToken cancellation)
    {
        var answer = await call.Client.GetAsync(Path, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var table = Call.Table(
            ("ID", false), ("NAME", false), ("STARTED", false), ("REVISION", true), ("", false));
        foreach (var replica in answer.Read<List<Replica>>())
        {
            table.AddRow(
                Show.Safe(replica.Id), Show.Safe(replica.Name), call.At(replica.StartedAt),
                $"{replica.AcknowledgedRevision}",
                replica.Forgotten ? "[yellow]forgotten[/]" : replica.Self ? "answers" : "");
        }

        call.Show(table);
        return ExitCode.Ok;
    }

    private static async Task<int> ForgetAsync(Call call, string id, CancellationToken cancellation)
    {
        var answer = await call.Client.SendAsync(
            HttpMethod.Delete, $"{Path}/{AdminClient.Part(id)}", null, cancellation);
        if (call.IsJson)
            call.Print(answer);
        else
            call.Say(
                $"{Show.Safe(answer.Read<Replica>().Name)} is forgotten; it counts until RequestTimeout has passed.");
        return ExitCode.Ok;
    }
}
