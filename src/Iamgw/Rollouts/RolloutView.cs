using System.Globalization;
using Iamgw.Api;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Iamgw.Rollouts;

/// <summary>A rollout at one look, as the live view shows it.</summary>
/// <param name="rollout">The resource.</param>
/// <param name="versions">All versions, for their sessions; empty: not known.</param>
/// <param name="now">By the gateway's clock.</param>
/// <param name="time">For the time of day.</param>
/// <param name="columns">The terminal's width.</param>
/// <param name="canDraw">Whether the terminal has more than ASCII.</param>
internal sealed class RolloutView(
    Rollout rollout, IReadOnlyList<VersionRow> versions, DateTimeOffset now, TimeProvider time,
    int columns, bool canDraw)
{
    /// <summary>How many steps and transitions are shown, from the best to what fits into a small terminal.</summary>
    public static IReadOnlyList<(int Steps, int Transitions)> Sizes { get; } =
        [(8, 8), (8, 5), (8, 3), (8, 2), (5, 2), (5, 1), (3, 1), (3, 0), (1, 0)];

    public IRenderable Render(string? note, (int Steps, int Transitions) most)
    {
        var rows = new List<IRenderable> { Title(), Text.Empty, Progress() };
        if (rollout.Drain is { } drain && !rollout.IsTakenBack)
            rows.Add(Draining(drain));
        if (note is not null)
            rows.Add(new Markup($"[yellow]{Show.Safe(note)}[/]"));
        else if (Waits() is { } waits)
            rows.Add(waits);
        rows.AddRange([Text.Empty, Steps(most.Steps), Text.Empty, Versions(), Watched()]);
        if (most.Transitions > 0)
            rows.AddRange([Text.Empty, Transitions(most.Transitions)]);
        return new Rows(rows);
    }

    private Rows Title()
    {
        var by = $"{Show.Safe(rollout.CreatedBy)} at {Show.At(rollout.CreatedAt, time)}";
        return new Rows(
            new Markup(
                $"[bold]Rollout {Show.Safe(rollout.From)} {Sign("→", "->")} {Show.Safe(rollout.To)}[/]   "
                + $"{Mark()} {RolloutText.State(rollout.State)}{Ended()}"),
            new Markup($"[grey]{Show.Safe(rollout.Id)}, by {by}; {Sessions()}; {Executor()}[/]"));
    }

    private string Ended()
    {
        if (!rollout.IsEnded)
            return rollout.CurrentStep is { } step
                ? $", step {rollout.Step + 1} of {rollout.AllSteps.Count} at {step.Weight} %"
                : "";
        return $" after {Show.Span(rollout.UpdatedAt - rollout.CreatedAt)}";
    }

    private string Sessions() => rollout.ExistingSessions == "stay" ? "sessions stay" : "sessions migrate";

    private string Executor() => rollout.IsEnded || rollout.Executor is not { } executor
        ? $"revision {rollout.Revision}"
        : $"carried out by {Show.Safe(executor)}, revision {rollout.Revision}";

    private string Mark() => rollout.State switch
    {
        "completed" => $"[green]{Sign("✔", "ok")}[/]",
        "paused" => $"[yellow]{Sign("⏸", "||")}[/]",
        "aborted" or "failed" => $"[red]{Sign("✖", "x")}[/]",
        _ => $"[blue]{Sign("●", "*")}[/]",
    };

    private Markup Progress()
    {
        var weight = versions.FirstOrDefault(v => v.Version == rollout.To)?.Weight
            ?? rollout.CurrentStep?.Weight ?? 0;
        if (rollout.State == "completed")
            weight = 100;
        var colour = rollout.State switch
        {
            "aborted" or "failed" => "red",
            "paused" => "yellow",
            "completed" => "green",
            _ => "blue",
        };
        return new Markup($"{Bar(weight / 100.0, colour)} {weight} % of new sessions to {Show.Safe(rollout.To)}");
    }

    private Markup Draining(Drain drain)
    {
        var start = Math.Max(drain.SessionsAtStart ?? drain.SessionsLeft, drain.SessionsLeft);
        var share = start == 0 ? 1 : 1 - drain.SessionsLeft / (double)start;
        var until = rollout.IsEnded ? "" : $", deadline {Show.At(drain.Deadline, time)}";
        return new Markup($"{Bar(share, "green")} {RolloutText.Left(drain, now)}{until}");
    }

    private Markup? Waits()
    {
        var waits = rollout.IsEnded ? "" : RolloutText.WaitsFor(rollout, now);
        if (rollout is { State: "paused" or "failed" or "aborted", LastReason: { } reason })
            waits = $"[bold]{Show.Safe(reason)}[/]" + (waits.Length > 0 ? $"\nwaits for {waits}" : "");
        else if (waits.Length > 0)
            waits = $"waits for {waits}";
        return waits.Length > 0 ? new Markup(waits) : null;
    }

    private string Bar(double share, string colour)
    {
        // What stands behind a bar takes up to 84 columns.
        var width = Math.Clamp(columns - 84, 12, 40);
        var full = (int)(Math.Clamp(share, 0, 1) * width);
        return $"[{colour}]{new string(canDraw ? '█' : '#', full)}[/]"
            + $"[grey]{new string(canDraw ? '░' : '.', width - full)}[/]";
    }

    private Table Steps(int most)
    {
        var table = Call.Table(("STEP", false), ("WEIGHT", true), ("HOLD", true), ("", false));
        var (first, count) = Window(most);
        for (var i = first; i < first + count; i++)
        {
            var step = rollout.AllSteps[i];
            var isCurrent = step.State == "current" && !rollout.IsEnded;
            var (mark, colour) = step.State switch
            {
                "done" => (Sign("✔", "ok"), "green"),
                "current" => (Sign("▶", ">"), rollout.State == "paused" ? "yellow" : "blue"),
                _ => (Sign("○", "-"), "grey"),
            };
            var bold = isCurrent ? $"bold {colour}" : colour;
            table.AddRow(
                $"[{bold}]{mark} {i + 1}[/]", $"[{bold}]{step.Weight} %[/]", $"[{bold}]{Show.Safe(step.Hold)}[/]",
                $"[{bold}]{Course(step, isCurrent)}[/]");
        }

        if (count < rollout.AllSteps.Count)
            table.AddRow("[grey]...[/]", "", "", $"[grey]{rollout.AllSteps.Count} steps in all[/]");
        return table;
    }

    // Of many steps those around the present one.
    private (int First, int Count) Window(int most)
    {
        var all = rollout.AllSteps.Count;
        var count = Math.Min(all, most);
        return (Math.Clamp((rollout.Step ?? 0) - most / 3, 0, all - count), count);
    }

    private string Course(RolloutStep step, bool isCurrent)
    {
        if (step.StartedAt is not { } started)
            return "";
        if (step.EndedAt is { } ended)
            return $"took {Show.Span(ended - started)}";
        if (!isCurrent)
            return $"since {Show.At(started, time)}";
        if (rollout.State == "paused")
            return "paused";
        return rollout is { WaitingFor: "hold", HoldEndsAt: { } end } && end > now
            ? $"{Show.Span(end - now)} left"
            : rollout.WaitingFor == "manual" ? "waits for a person" : $"for {Show.Span(now - started)}";
    }

    private Table Versions()
    {
        var table = Call.Table(
            ("VERSION", false), ("WEIGHT", true), ("SESSIONS", true), ("REQUESTS", true), ("ERRORS", true),
            ("P99", true), ("IN FLIGHT", true), ("INSTANCES", true));
        Add(table, rollout.From, "old", rollout.Measurements?.Old);
        Add(table, rollout.To, "new", rollout.Measurements?.New);
        return table;
    }

    private void Add(Table table, string? version, string role, Figures? figures)
    {
        var row = versions.FirstOrDefault(v => v.Version == version);
        var isMeasured = figures is { Requests: > 0 };
        var (errors, p99) = isMeasured ? (Show.Share(figures!.ErrorRate), Show.Seconds(figures.P99)) : ("-", "-");
        if (role == "new" && isMeasured && rollout.Analysis is { } limits)
        {
            errors = Warn(errors, figures!.ErrorRate > limits.MaxErrorRate);
            var old = rollout.Measurements?.Old?.P99 ?? 0;
            p99 = Warn(p99, old > 0 && figures.P99 > old * limits.MaxP99Ratio);
        }

        table.AddRow(
            $"{Show.Safe(version)} [grey]{role}[/]", row is null ? "-" : $"{row.Weight} %",
            row is null ? "-" : Show.Count(row.Sessions), Show.Count(figures?.Requests ?? 0), errors, p99,
            row is null ? "-" : $"{row.InFlight}", row is null ? "-" : $"{row.Instances}");
    }

    private Markup Watched()
    {
        var measured = rollout.Measurements;
        var figures = $"refusals {Warn(Show.Count(measured?.Refusals ?? 0), measured?.Refusals > 0)}, "
            + $"violations {Warn(Show.Count(measured?.Violations ?? 0), measured?.Violations > 0)}";
        return new Markup(rollout.Analysis is { } limits
            ? $"{figures}  [grey]limits: errors {Show.Share(limits.MaxErrorRate)}, p99 "
            + $"{limits.MaxP99Ratio.ToString("0.##", CultureInfo.InvariantCulture)} times the old, from "
            + $"{Show.Count(limits.MinRequests)} requests; then {Show.Safe(limits.OnFailure)}[/]"
            : figures);
    }

    private Grid Transitions(int count)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().Padding(0, 0, 2, 0))
            .AddColumn(new GridColumn().NoWrap().Padding(0, 0, 2, 0)).AddColumn(new GridColumn().Padding(0, 0, 0, 0));
        foreach (var transition in rollout.AllTransitions.TakeLast(count).Reverse())
        {
            grid.AddRow(
                $"[grey]{Show.At(transition.At, time)}[/]", RolloutText.State(transition.State),
                $"{Show.Safe(transition.Reason)} [grey]({Show.Safe(transition.Who)})[/]");
        }

        return grid;
    }

    private static string Warn(string text, bool isBad) => isBad ? $"[bold red]{text}[/]" : text;

    private string Sign(string drawn, string plain) => canDraw ? drawn : plain;
}
