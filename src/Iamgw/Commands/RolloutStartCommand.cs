using System.CommandLine;
using Iamgw.Api;
using Iamgw.Rollouts;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class RolloutStartCommand
{
    public static Command Of(Verbs verbs)
    {
        var options = new Options();
        return verbs.Command(
            "start", "Begin a rollout; what is left out has the gateway's default", options.RunAsync, options.All);
    }

    private sealed class Options
    {
        private readonly Option<string> _to = Of<string>("--to", "VERSION", "The version to upgrade to", true);
        private readonly Option<string?> _steps = Of<string?>(
            "--steps", "STEPS", "Weights and holds, for example 5:10m,25:10m,50:manual,100");

        private readonly Option<string?> _existing = Of<string?>(
            "--existing-sessions", "migrate|stay", "What becomes of sessions on the old version");

        private readonly Option<bool> _schema = Flag("--schema-upgraded", "The IAM's database schema is upgraded");
        private readonly Option<bool> _skip = Flag("--allow-skip", "The IAM supports skipping a release");
        private readonly Option<double?> _errors = Of<double?>(
            "--max-error-rate", "SHARE", "Largest share of server errors of the new version, for example 0.01");

        private readonly Option<double?> _p99 = Of<double?>(
            "--max-p99-ratio", "RATIO", "Largest p99 of the new version over the old one's, for example 1.5");

        private readonly Option<double?> _refusals = Of<double?>(
            "--max-refusal-rate", "SHARE", "Largest share of requests that the gateway refuses, for example 0.01");

        private readonly Option<long?> _requests = Of<long?>(
            "--min-requests", "N", "With fewer requests of the new version a step is not judged");

        private readonly Option<string?> _failure = Of<string?>(
            "--on-failure", "pause|abort", "What to do when a figure breaks its limit");

        private readonly Option<string?> _drain = Of<string?>(
            "--drain-deadline", "DURATION", "When the old version is closed in any case, for example 8h");

        private readonly Option<bool> _dryRun = Flag("--dry-run", "Check the preconditions and change nothing");
        private readonly Option<bool> _watch = Flag("--watch", "Then show it live until it ends");

        public Options()
        {
            _existing.AcceptOnlyFromAmong("migrate", "stay");
            _failure.AcceptOnlyFromAmong("pause", "abort");
        }

        public Symbol[] All =>
        [
            _to, _steps, _existing, _schema, _skip, _errors, _p99, _refusals, _requests, _failure, _drain, _dryRun,
            _watch,
        ];

        public async Task<int> RunAsync(Call call, CancellationToken cancellation)
        {
            var isDryRun = call.Value(_dryRun);
            var query = isDryRun ? "?dryRun=true" : "";
            var answer = await call.Client.PostAsync($"api/v1/rollouts{query}", Order(call), cancellation);
            var rollout = answer.Read<Rollout>();
            var isWatched = call.Value(_watch) && !isDryRun;
            if (call.IsJson && !isWatched)
                call.Print(answer);
            if (isDryRun)
                return Checked(call, rollout);
            if (isWatched)
                return await new RolloutWatch(call, rollout.Id ?? "current").RunAsync(cancellation);
            call.Say(
                $"Rollout [bold]{Show.Safe(rollout.Id)}[/] from {Show.Safe(rollout.From)} to {Show.Safe(rollout.To)} "
                + "has begun. See [bold]iamgw rollout watch[/].");
            return ExitCode.Ok;
        }

        private RolloutOrder Order(Call call)
        {
            var analysis = new AnalysisOrder(
                call.Value(_errors), call.Value(_p99), call.Value(_requests), call.Value(_refusals),
                call.Value(_failure));
            return new RolloutOrder(
                call.Value(_to)!, call.Value(_existing),
                call.Value(_steps) is { } steps ? StepList.Read(steps) : null,
                call.Value(_schema) ? true : null, call.Value(_skip) ? true : null,
                analysis == new AnalysisOrder(null, null, null, null, null) ? null : analysis, call.Value(_drain));
        }

        private static int Checked(Call call, Rollout rollout)
        {
            var all = rollout.Preconditions ?? [];
            var failed = all.Count(p => !p.Passed);
            if (!call.IsJson)
            {
                var table = Call.Table(("", false), ("PRECONDITION", false));
                table.AddColumn(new TableColumn(new Markup("[bold]DETAIL[/]")).Padding(0, 0, 0, 0));
                foreach (var precondition in all)
                {
                    table.AddRow(
                        precondition.Passed ? "[green]holds[/]" : "[red]fails[/]", Show.Safe(precondition.Name),
                        Show.Safe(precondition.Detail) + (precondition.Passed ? "" : Hints.For(precondition.Name)));
                }

                call.Show(table);
                call.Say(failed == 0
                    ? $"All {all.Count} preconditions hold; nothing was changed."
                    : $"{failed} of {all.Count} preconditions fail; nothing was changed.");
            }

            return failed == 0 ? ExitCode.Ok : ExitCode.Refused;
        }

        private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

        private static Option<T> Of<T>(string name, string value, string description, bool isRequired = false) =>
            new(name) { Description = description, HelpName = value, Required = isRequired };
    }
}
