using System.Text.Json;
using Iamgw.Api;
using Iamgw.Rollouts;
using Microsoft.Extensions.Time.Testing;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace IamGateway.Tests.Cli;

public sealed class RolloutViewTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 3, 13, 53, TimeSpan.Zero);

    private static readonly IReadOnlyList<VersionRow> Versions =
        JsonSerializer.Deserialize<List<VersionRow>>(SomeAnswers.Versions, AdminClient.Options)!;

    [Fact]
    public void View_InAHold_ShowsStepsFiguresAndTheTimeLeft()
    {
        var lines = Lines(SomeAnswers.Rollout(
            fields: """ "waitingFor":"hold","holdEndsAt":"2026-03-01T03:20:05+00:00" """));

        Assert.Equal(
            """
            Rollout 8.2.1 -> 8.3.0   * progressing, step 2 of 4 at 25 %
            95130d8a, by ops at 03:00:00; sessions migrate; carried out by gw-1:8081, revision 9

            ######.................... 25 % of new sessions to 8.3.0
            waits for the hold to end, in 6m 12s

            STEP  WEIGHT    HOLD
            ok 1     5 %     10m  took 10m 5s
            > 2     25 %     10m  6m 12s left
            - 3     50 %  manual
            - 4    100 %      0s

            VERSION    WEIGHT  SESSIONS  REQUESTS  ERRORS    P99  IN FLIGHT  INSTANCES
            8.2.1 old    75 %     1,204    12,345  0.02 %  34 ms          3          2
            8.3.0 new    25 %       388     4,112   5.1 %  36 ms          1          2
            refusals 0, violations 0  limits: errors 1 %, p99 2 times the old, from 200 requests; then pause

            03:10:05  progressing  step 2 of 4 (gateway)
            03:00:00  checking     asked for (ops)
            """.ReplaceLineEndings("\n"),
            string.Join('\n', lines));
    }

    [Theory]
    [InlineData("manual", "", "waits for a person: iamgw rollout resume passes this step")]
    [InlineData(
        "requests", "4 of 200",
        "waits for more requests of 8.3.0 to judge by: 4 of 200; iamgw rollout resume passes")]
    [InlineData("replicas", "gw-2", "waits for replicas to apply the weights: gw-2")]
    [InlineData("gate", "not yet", "waits for a gate to let it pass: not yet")]
    public void View_AtAStep_SaysWhatItWaitsFor(string wait, string message, string expected) =>
        Assert.Contains(
            expected,
            Lines(SomeAnswers.Rollout(fields: $""" "waitingFor":"{wait}","message":"{message}" """)));

    [Fact]
    public void View_Paused_SaysWhyAndWhatAPersonCanDo()
    {
        var lines = Lines(SomeAnswers.Rollout("paused", "error rate of 8.3.0 is 5.1 %, limit 1 %"));

        var reason = lines.IndexOf("error rate of 8.3.0 is 5.1 %, limit 1 %");
        Assert.True(reason > 0);
        Assert.Equal("waits for a person: iamgw rollout resume, promote or abort", lines[reason + 1]);
        Assert.Contains("> 2     25 %     10m  paused", lines);
    }

    [Fact]
    public void View_Draining_ShowsWhatIsLeftAndUntilWhen()
    {
        var lines = Lines(SomeAnswers.Rollout("draining", "8.2.1 drains", """
            "waitingFor":"drain","drain":{"sessionsLeft":301,"sessionsAtStart":1204,"inFlight":3,
            "estimatedEnd":"2026-03-01T03:25:53+00:00","deadline":"2026-03-01T11:00:00+00:00"}
            """));

        Assert.Contains(
            "###################....... 301 of 1,204 sessions left, 3 requests at work, about 12m left, "
            + "deadline 11:00:00",
            lines);
        Assert.Contains("waits for 8.2.1 to be empty", lines);
    }

    [Fact]
    public void View_Completed_IsFullAndTellsHowLongItTook()
    {
        var lines = Lines(SomeAnswers.Rollout("completed", "it is closed"));

        Assert.Equal("Rollout 8.2.1 -> 8.3.0   ok completed after 10m", lines[0]);
        Assert.Contains(new string('#', 26) + " 100 % of new sessions to 8.3.0", lines);
        Assert.DoesNotContain(lines, l => l.StartsWith("waits for", StringComparison.Ordinal));
    }

    [Fact]
    public void View_GatewayAway_SaysSo() =>
        Assert.Contains("no answer for 7s: it is away", Lines(SomeAnswers.Rollout(), "no answer for 7s: it is away"));

    [Fact]
    public void View_OfManySteps_ShowsThoseAroundThePresentOne()
    {
        var rollout = Read(SomeAnswers.Rollout());
        var many = rollout with
        {
            Step = 30,
            Steps = [.. Enumerable.Range(1, 50).Select(i =>
                new RolloutStep(2 * i, "1m", i < 31 ? "done" : i == 31 ? "current" : "pending", null, null))],
        };

        var lines = Lines(many, null, (8, 2));

        Assert.Contains(lines, l => l.StartsWith("> 31", StringComparison.Ordinal));
        Assert.Equal(8, lines.Count(l => l.Split(' ').Contains("1m")));
        Assert.Contains(lines, l => l.EndsWith("50 steps in all", StringComparison.Ordinal));
    }

    [Fact]
    public void Sizes_FromLargeToSmall_GetShorterUntilTheyFitIntoASmallTerminal()
    {
        var rollout = Read(SomeAnswers.Rollout("paused", "why"));
        var long_ = rollout with
        {
            Transitions = [.. Enumerable.Repeat(rollout.AllTransitions[0], 20)],
            Steps = [.. Enumerable.Repeat(rollout.AllSteps[2], 20)],
        };

        var heights = RolloutView.Sizes.Select(s => Lines(long_, null, s).Count).ToArray();

        Assert.Equal(heights.OrderDescending(), heights);
        Assert.InRange(heights[^1], 1, 18);
    }

    [Fact]
    public void View_TextOfOthers_IsNoMarkup() =>
        Assert.Contains(Lines(SomeAnswers.Rollout("paused", "[red]x[/] [")), l => l == "[red]x[/] [");

    private static List<string> Lines(string rollout, string? note = null) =>
        Lines(Read(rollout), note, RolloutView.Sizes[0]);

    private static List<string> Lines(Rollout rollout, string? note, (int, int) size)
    {
        const int Width = 110;
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(TextWriter.Null),
        });
        var view = new RolloutView(rollout, Versions, Now, new FakeTimeProvider(Now), Width, canDraw: false)
            .Render(note, size);
        return [.. Segment.SplitLines(view.Render(RenderOptions.Create(console, console.Profile.Capabilities), Width))
            .Select(l => string.Concat(l.Select(s => s.Text)).TrimEnd())];
    }

    private static Rollout Read(string json) => JsonSerializer.Deserialize<Rollout>(json, AdminClient.Options)!;
}
