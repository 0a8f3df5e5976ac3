using IamGateway.Configuration;
using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Tests.Routing;
using static IamGateway.Tests.Rollouts.SomeRollouts;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Rollouts;

/// <summary>Each precondition violated in turn: it alone fails, and its sentence says what to do.</summary>
public sealed class PreconditionsTests
{
    private static readonly VersionId V9 = VersionId.Parse("9.1.0");

    private static readonly PreconditionFacts Facts = new()
    {
        Now = Now,
        Instances =
        [
            new InstanceFact("old-1", V1, null), new InstanceFact("new-1", V2, null),
            new InstanceFact("new-2", V2, "is unhealthy"),
        ],
        Store = "embedded",
        SilentReplicas = [],
        Options = new RolloutOptions(),
    };

    private static readonly Dictionary<string, (string Name, string Detail, Func<Precondition[]> Check)> Violations =
    new()
    {
        ["unknown version"] = (
            "target_known",
            "No instance has version 8.2.9; known are 8.2.1, 8.3.0 and 8.4.0. Register its instances first.",
            () => Check(order: Order() with { To = VersionId.Parse("8.2.9") }, facts: With("8.2.9"))),
        ["revoked version"] = (
            "target_known", "Version 8.3.0 is revoked, and a version never comes back; upgrade to a higher one.",
            () => Check(Revoked().Settle(Now).Applied())),
        ["lower version"] = (
            "target_higher", "Version 8.2.0 is not higher than the active 8.2.1; upgrades only go up.",
            () => Check(
                Steady().Know([VersionId.Parse("8.2.0")], Now).Applied(),
                Order() with { To = VersionId.Parse("8.2.0") }, With("8.2.0"))),
        ["same version"] = (
            "target_higher", "Version 8.2.1 is the only active one already; there is nothing to upgrade.",
            () => Check(order: Order() with { To = V1 }, facts: With("8.2.1"))),
        ["below the minimum"] = (
            "minimum_version",
            "Versions below 8.3.0 cannot take part in a rolling upgrade, and this one goes from 8.2.1 to 8.3.0; "
            + "upgrade to 8.3.0 with a downtime first, or correct IamGateway:Rollout:MinimumVersion.",
            () => Check(facts: Facts with { MinimumVersion = V2 })),
        ["third version"] = (
            "no_third_version", "Versions 8.2.1 and 8.3.0 are active; retire 8.2.1 before 8.4.0 comes.",
            () => Check(Rollout().Applied(), Order() with { To = V3, AllowSkip = true }, With("8.4.0"))),
        ["skips a known version"] = (
            "no_skipped_version",
            "From 8.2.1 to 8.4.0 skips 8.3.0; go there first, or send \"allowSkip\":true if the IAM supports it.",
            () => Check(order: Order() with { To = V3 }, facts: With("8.4.0"))),
        ["skips a minor release"] = (
            "no_skipped_version",
            "From 8.2.1 to 8.4.0 skips a release; go there first, or send \"allowSkip\":true if the IAM supports it.",
            () => Check(
                RoutingState.Create([V1, V3], V1, ["run-1"], Now), Order() with { To = V3 }, With("8.4.0"))),
        ["skips a major release"] = (
            "no_skipped_version",
            "From 8.2.1 to 9.1.0 skips a release; go there first, or send \"allowSkip\":true if the IAM supports it.",
            () => Check(
                RoutingState.Create([V1, V9], V1, ["run-1"], Now), Order() with { To = V9 }, With("9.1.0"))),
        ["one instance"] = (
            "instances",
            "Usable: new-1 (8.3.0). old-1 (8.2.1) is draining. Start and register instances: it takes two of 8.2.1 "
            + "and 8.3.0, and one of 8.3.0.",
            () => Check(facts: Facts with
            {
                Instances = [new InstanceFact("old-1", V1, "is draining"), new InstanceFact("new-1", V2, null)],
            })),
        ["no instance of the target"] = (
            "instances",
            "Usable: old-1 (8.2.1) and old-2 (8.2.1). Start and register instances: it takes two of 8.2.1 and 8.3.0, "
            + "and one of 8.3.0.",
            () => Check(facts: Facts with
            {
                Instances = [new InstanceFact("old-1", V1, null), new InstanceFact("old-2", V1, null)],
            })),
        ["session state inside"] = (
            "session_state_external",
            "Sessions cannot move, because IamGateway:Rollout:SessionStateExternal is false; send "
            + "\"existingSessions\":\"stay\".",
            () => Check(facts: Facts with { Options = new RolloutOptions { SessionStateExternal = false } })),
        ["instance affinity"] = (
            "session_state_external",
            "Sessions cannot move, because IamGateway:Affinity is Instance; send \"existingSessions\":\"stay\".",
            () => Check(facts: Facts with { Affinity = SessionAffinity.Instance })),
        ["store away"] = (
            "store", "The store does not answer; bring it back first.",
            () => Check(facts: Facts with { StoreProblem = "The store does not answer; bring it back first." })),
        ["schema unsaid"] = (
            "schema_upgraded",
            "Nobody says that the database schema is upgraded, which comes before the instances; do it and send "
            + "\"schemaUpgraded\":true, or set IamGateway:Rollout:SchemaCheckUrl.",
            () => Check(order: Order() with { SchemaUpgraded = false })),
        ["schema check"] = (
            "schema_upgraded",
            "The check of the database schema does not pass: it answers 503: still at 8.2. Upgrade the schema for "
            + "8.3.0 first.",
            () => Check(
                order: Order() with { SchemaUpgraded = false },
                facts: Facts with
                {
                    Options = new RolloutOptions { SchemaCheckUrl = "http://schema" },
                    SchemaProblem = "it answers 503: still at 8.2.",
                })),
        ["silent replica"] = (
            "replicas",
            "Without an answer or not at revision 1: gateway-2; start it again, or forget what is dead.",
            () => Check(facts: Facts with { SilentReplicas = ["gateway-2"] })),
        ["replicas behind"] = (
            "replicas",
            "Without an answer or not at revision 2: gateway-1 and gateway-2; start it again, or forget what is dead.",
            () => Check(Steady().Know([V9], Now))),
        ["another rollout"] = (
            "no_other_rollout", "Rollout r1 to 8.3.0 is under way; abort it or wait until it is through.",
            () => Check(Begun())),
        ["another change"] = (
            "no_other_rollout", "The routing state is in phase closing; try again when it is through.",
            () => Check(Taken(Rollout().Close(V1)).Acknowledge(0, 0, Now) with { Replicas = [] })),
        ["recorded too briefly"] = (
            "pins_recorded",
            "Sessions are recorded since 2026-03-01 12:00:00 UTC, and IamGateway:Rollout:MinimumRecording asks for "
            + "12h; wait until 2026-03-02 00:00:00 UTC. Sessions that are not recorded would go to the new version at "
            + "once, whatever the weights are.",
            () => Check(facts: Facts with
            {
                Options = new RolloutOptions { MinimumRecording = TimeSpan.FromHours(12) },
            })),
    };

    public static TheoryData<string> Cases => [.. Violations.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Check_OneViolated_ItAloneFailsAndSaysWhatToDo(string violation)
    {
        var (name, detail, check) = Violations[violation];

        var failed = Assert.Single(check(), p => !p.Passed);

        Assert.Equal((name, detail), (failed.Name, failed.Detail));
    }

    [Fact]
    public void Check_AllMet_NamesEachWithASentence()
    {
        var all = Check();

        Assert.All(all, p => Assert.True(p.Passed, p.Detail));
        Assert.All(all, p => Assert.EndsWith(".", p.Detail, StringComparison.Ordinal));
        Assert.Equal(Repository.ReadmeTable("Rollouts").Select(r => r[0]), all.Select(p => p.Name));
        Assert.Equal(
            all.Select(p => p.Name).Order(), Violations.Values.Select(v => v.Name).Distinct().Order());
    }

    [Fact]
    public void Check_SkipAllowed_Passes() => Assert.All(
        Check(order: Order() with { To = V3, AllowSkip = true }, facts: With("8.4.0")), p => Assert.True(p.Passed));

    [Fact]
    public void Check_SessionsStay_PassesWithSessionStateInside() => Assert.All(
        Check(
            order: Order() with { ExistingSessions = ExistingSessions.Stay },
            facts: Facts with { Affinity = SessionAffinity.Instance }),
        p => Assert.True(p.Passed, p.Detail));

    [Fact]
    public void Check_CanaryByHandUnderWay_MayGoOnAsARollout() =>
        Assert.All(Check(Rollout().Applied()), p => Assert.True(p.Passed, p.Detail));

    [Fact]
    public void Check_RecordedSinceTheStoreLostNames_CountsFromThen()
    {
        var options = new RolloutOptions { MinimumRecording = TimeSpan.FromHours(1) };
        var state = Steady() with { RecordedSince = Now.AddHours(3) };

        Assert.Contains(
            Check(state, facts: Facts with { Now = Now.AddHours(3.5), Options = options }),
            p => p is { Name: "pins_recorded", Passed: false });
        Assert.All(
            Check(state, facts: Facts with { Now = Now.AddHours(4), Options = options }), p => Assert.True(p.Passed));
    }

    private static Precondition[] Check(
        RoutingState? state = null, RolloutOrder? order = null, PreconditionFacts? facts = null) =>
        [.. Preconditions.Check(state ?? Steady(), order ?? Order(), facts ?? Facts)];

    // Instances of the old version and of this one.
    private static PreconditionFacts With(string version) => Facts with
    {
        Instances =
        [
            new InstanceFact("old-1", V1, null), new InstanceFact("new-1", VersionId.Parse(version), null),
        ],
    };
}
