using System.CommandLine;
using System.Globalization;
using Iamgw.Api;
using Spectre.Console;

namespace Iamgw.Commands;

internal static class WeightsCommand
{
    private const string Path = "api/v1/weights";

    public static Command Of(Verbs verbs)
    {
        var shares = new Argument<string[]>("VERSION=SHARE")
        {
            Description = "Shares in per cent that add up to 100, for example 8.2.1=90 8.3.0=10",
            Arity = ArgumentArity.OneOrMore,
        };
        return verbs.Command(
            "weights", "Show or set the versions' shares of new sessions", GetAsync,
            verbs.Command("get", "Show the shares", GetAsync),
            verbs.Command(
                "set", "Set the shares; a version that is not active yet is activated",
                (call, cancellation) => SetAsync(call, call.Value(shares) ?? [], cancellation), shares));
    }

    private static async Task<int> GetAsync(Call call, CancellationToken cancellation)
    {
        var answer = await call.Client.GetAsync(Path, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var table = Call.Table(("VERSION", false), ("WEIGHT", true));
        foreach (var (version, share) in answer.Read<Weights>().Shares ?? new Dictionary<string, int>())
            table.AddRow(Show.Safe(version), $"{share} %");
        call.Show(table);
        return ExitCode.Ok;
    }

    private static async Task<int> SetAsync(Call call, string[] shares, CancellationToken cancellation)
    {
        var weights = new Dictionary<string, int>();
        foreach (var share in shares)
        {
            var parts = share.Split('=');
            if (parts.Length != 2
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var weight))
                throw new Failure(ExitCode.Usage, $"'{Show.Clean(share)}' is not of the form VERSION=SHARE.");
            if (!weights.TryAdd(parts[0], weight))
                throw new Failure(ExitCode.Usage, $"{Show.Clean(parts[0])} is given twice; give it once.");
        }

        var answer = await call.Client.SendAsync(HttpMethod.Put, Path, new { weights }, cancellation);
        if (call.PrintsJson(answer))
            return ExitCode.Ok;

        var reply = answer.Read<Weights>();
        var shown = reply.Shares ?? new Dictionary<string, int>();
        var set = Show.Clean(string.Join(", ", shown.Select(w => $"{w.Key} {w.Value} %")));
        call.Say(Markup.Escape(reply.Pending is { Count: > 0 } pending
            ? $"{set}: stored as revision {reply.Revision}, not yet applied by "
            + $"{Show.Clean(string.Join(", ", pending))}. See iamgw replicas."
            : $"{set}: applied by every replica in {reply.AppliedIn:0} ms (revision {reply.Revision})."));
        return ExitCode.Ok;
    }
}
