using System.CommandLine;
using Iamgw.Api;
using Iamgw.Rollouts;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class StatusCommand
{
    public static Command Of(Verbs verbs) =>
        verbs.Command("status", "Show how the gateway stands: versions, weights, store, rollout", RunAsync);

    private static async Task<int> RunAsync(Call call, CancellationToken cancellation)
    {
        var answer = await call.Client.GetAsync("api/v1/status", cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var status = answer.Read<Api.Status>();
        var store = status.Store;
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        grid.AddRow("[bold]Gateway[/]", Markup.Escape($"{call.Client.Address} ") + Ready(status));
        grid.AddRow("[bold]Replica[/]", Show.Safe(status.Replica?.Name));
        grid.AddRow("[bold]Store[/]", $"{Show.Safe(store?.Kind)}, {(store?.Up == true ? "up" : "[red]away[/]")}"
            + (store?.Queued > 0 ? $", {store.Queued} writes wait for it" : ""));
        grid.AddRow("[bold]Routing[/]", $"revision {status.Revision}, phase {Show.Safe(status.Phase)}");
        if (status.Rollout is { } rollout)
            grid.AddRow("[bold]Rollout[/]", RolloutText.Headline(rollout, call.Time.GetUtcNow() + call.Client.Skew));
        call.Show(grid);
        call.Console.WriteLine();
        call.Show(Versions(status.Versions ?? []));
        return ExitCode.Ok;
    }

    private static string Ready(Api.Status status) => status.Ready ? "[green]ready[/]" : "[red]not ready[/]";

    public static Table Versions(IReadOnlyList<VersionRow> versions)
    {
        var table = Call.Table(
            ("VERSION", false), ("STATE", false), ("WEIGHT", true), ("INSTANCES", true), ("SESSIONS", true),
            ("IN FLIGHT", true));
        foreach (var version in versions)
        {
            table.AddRow(
                Show.Safe(version.Version), State(version.State), $"{version.Weight} %", $"{version.Instances}",
                Show.Count(version.Sessions), $"{version.InFlight}");
        }

        return table;
    }

    private static string State(string? state) => state switch
    {
        "active" => "[green]active[/]",
        "draining" => "[yellow]draining[/]",
        "revoked" => "[red]revoked[/]",
        _ => Show.Safe(state),
    };
}
