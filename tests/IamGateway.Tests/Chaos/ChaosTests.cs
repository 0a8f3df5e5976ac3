using System.Buffers;
using System.Diagnostics;
using IamGateway.Tests.Histories;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// Histories under faults. IAMGATEWAY_CHAOS_SECONDS sets the length for each kind of store; a long run is made of
/// rounds, each with a seed of its own (IAMGATEWAY_CHAOS_SEED repeats the faults of one, not their moments).
/// </summary>
[Collection(ChaosAlone.Name)]
public sealed class ChaosTests
{
    private const int RoundSeconds = 45;

    /// <summary>IAMGATEWAY_CHAOS_STORE leaves one of them.</summary>
    public static TheoryData<string> Stores =>
    [
        .. Environment.GetEnvironmentVariable("IAMGATEWAY_CHAOS_STORE")?.Split(',')
            ?? ["standalone", "sentinel", "cluster"],
    ];

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Rollouts_UnderFaults_NoSessionGoesBackAndNothingElseFails(string store)
    {
        var length = Variable("IAMGATEWAY_CHAOS_SECONDS") ?? 20;
        var first = Variable("IAMGATEWAY_CHAOS_SEED") ?? Random.Shared.Next(1_000_000);
        var started = Stopwatch.GetTimestamp();
        var problems = new List<string>();
        for (var round = 0; round == 0 || Stopwatch.GetElapsedTime(started).TotalSeconds < length; round++)
        {
            var problem = await RunAsync(
                store, 2 + (first + round) % 2, first + round, TimeSpan.FromSeconds(Math.Min(length, RoundSeconds)));
            if (problem is not null)
                problems.Add(problem);
        }

        Assert.True(problems.Count == 0, string.Join("\n\n", problems));
    }

    private static int? Variable(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : null;

    /// <summary>Returns what was wrong in this round, or null.</summary>
    private static async Task<string?> RunAsync(string store, int replicas, int seed, TimeSpan length)
    {
        Report($"# {store}, {replicas} replicas, seed {seed}");
        // In two of three rounds leases are kept as under a load that these few users do not make.
        var settings = new Dictionary<string, string?>();
        if (seed % 3 != 0)
            settings["IamGateway:TestOnly:LeasesKeptFor"] = "00:00:02";
        // In every second pair of rounds the names of sessions are not made of the store alone.
        if (seed / 2 % 2 == 0)
            settings["IamGateway:Store:HashKey"] = $"hash key of the round {seed}, only here";
        await using var round = new ChaosRound(store, replicas, seed, settings);
        Verdict? verdict = null;
        try
        {
            await round.RunAsync(length);
            verdict = await round.JudgeAsync();
            Report(Line(store, replicas, seed, round, verdict));
            Check(round, verdict);
            return null;
        }
        catch (Exception e)
        {
            verdict ??= await round.JudgeAsync();
            var problem = $"{store}, {replicas} replicas, seed {seed}: {e}\n{verdict}\n{round.Dump(verdict)}";
            Report($"# PROBLEM {problem.ReplaceLineEndings(" ")}");
            return problem;
        }
    }

    private static void Check(ChaosRound round, Verdict verdict)
    {
        var tally = round.Tally;
        Assert.True(verdict.IsClean, $"{verdict}");
        Assert.All(round.Instances, i => Assert.Equal((0, 0), (i.OlderVersionRequests, i.HistoryDropped)));
        Assert.Equal(0, round.ViolationsSeenByGateways);
        Assert.DoesNotContain(tally.Requests, r => r.Outcome == RequestOutcome.Failed);
        Assert.Empty(tally.RefusedWithoutReason);
        var quiet = tally.Requests.Where(r => r.Begin >= round.QuietSince).ToArray();
        Assert.NotEmpty(quiet);
        Assert.All(quiet, r => Assert.True(r.Outcome is RequestOutcome.Ok or RequestOutcome.Aborted, $"{r}"));
        AssertNoHandleIsShown(round);
        // A round without these has shown nothing.
        Assert.True(verdict.Migrations > 0);
        Assert.NotEmpty(tally.Faults);
    }

    private static void AssertNoHandleIsShown(ChaosRound round)
    {
        var handles = SearchValues.Create([.. round.Tally.Handles], StringComparison.Ordinal);
        Assert.All(round.Shown, text =>
        {
            Assert.NotEqual("", text);
            var at = text.AsSpan().IndexOfAny(handles);
            Assert.True(
                at < 0, $"A handle is shown: {text[Math.Max(at - 200, 0)..Math.Min(at + 100, text.Length)]}");
        });
    }

    private static string Line(string store, int replicas, int seed, ChaosRound round, Verdict verdict)
    {
        var tally = round.Tally;
        var refusals = string.Join(' ', tally.Refusals.Select(r => $"{r.Code}={r.Count}"));
        var faults = string.Join(
            "; ", tally.Faults.GroupBy(f => f.Name).OrderBy(g => g.Key).Select(g => $"{g.Key} {g.Count()}"));
        return string.Join('\t',
        [
            store, $"{replicas}", $"{seed}", $"{tally.Requests.Count}", $"{verdict.Sessions}", $"{verdict.Migrations}",
            $"{tally.Faults.Count}", $"{verdict.WentBack.Count + verdict.Overlapped.Count}",
            $"{tally.Count(RequestOutcome.Failed)}", $"{tally.Count(RequestOutcome.Killed)}",
            $"{tally.Count(RequestOutcome.Refused)}", refusals, $"{round.Dropped}",
            $"{round.SettledIn.TotalSeconds:0.0}", $"{round.LongestWork.TotalSeconds:0.0}",
            $"{tally.LongestRefusal.TotalSeconds:0.0}", faults,
            $"{tally.Stalls}",
        ]);
    }

    private static void Report(string line)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (Environment.GetEnvironmentVariable("IAMGATEWAY_CHAOS_REPORT") is { Length: > 0 } file)
            File.AppendAllText(file, line + "\n");
    }
}
