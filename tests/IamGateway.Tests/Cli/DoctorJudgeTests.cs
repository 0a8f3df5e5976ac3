using System.Text.Json;
using Iamgw.Api;
using Iamgw.Doctor;

namespace IamGateway.Tests.Cli;

public sealed class DoctorJudgeTests
{
    private static readonly DoctorFacts Healthy = new()
    {
        Address = new Uri("http://localhost:8081"),
        Credentials = new Credentials("IAMGW_API_KEY", "key", null, null),
        Role = "operator",
        Readiness = new Readiness("UP", null),
        Status = Read<Status>(SomeAnswers.Status),
        Observed = TimeSpan.FromSeconds(4),
        Replicas = Read<List<Replica>>(SomeAnswers.Replicas),
        Instances = Read<List<Instance>>(SomeAnswers.Instances),
    };

    [Fact]
    public void Judge_AllIsWell_FindsEveryCheckOk()
    {
        var findings = DoctorJudge.Judge(Healthy);

        Assert.All(findings, f => Assert.Equal(FindingKind.Ok, f.Result));
        Assert.Equal(
            [
                "address", "credentials", "readiness", "store", "replicas", "generation", "phase", "version 8.2.1",
                "version 8.3.0",
            ],
            findings.Select(f => f.Check));
    }

    [Fact]
    public void Judge_NobodyAnswers_SaysThatAlone() => AssertWrong(
        Healthy with { Unreachable = "The gateway cannot be reached." }, "address", "cannot be reached");

    [Fact]
    public void Judge_KeyIsRefused_SaysWhereCredentialsBelong()
    {
        var finding = AssertWrong(
            Healthy with { NotAuthorised = "It does not accept them.", Status = null }, "credentials", "not accept");

        Assert.Contains("IAMGW_API_KEY_FILE", finding.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_KeyFileIsOpenToOthers_IsWrong() => AssertWrong(
        Healthy with { Credentials = Healthy.Credentials with { Warning = "key can be read by other users" } },
        "key file", "other users");

    [Fact]
    public void Judge_ViewersKey_IsNotedOnly() => AssertNote(Healthy with { Role = "viewer" }, "credentials", "viewer");

    [Fact]
    public void Judge_KeyTravelsUnencrypted_IsNoted() => AssertNote(
        Healthy with { Address = new Uri("http://gateway.example:8081") }, "address", "unencrypted");

    [Fact]
    public void Judge_ClocksDiffer_IsNoted() =>
        AssertNote(Healthy with { Skew = TimeSpan.FromSeconds(-90) }, "address", "1m 30s");

    [Fact]
    public void Judge_NotReady_TellsTheReason() => AssertWrong(
        Healthy with { Readiness = new Readiness("DOWN", "The proxy listener is not open yet.") },
        "readiness", "proxy listener");

    [Fact]
    public void Judge_StoreAway_NamesItsSetting()
    {
        var finding = AssertWrong(
            Of(s => s with { Store = s.Store! with { Up = false } }), "store", "redis");

        Assert.Contains("ConnectionStrings:Redis", finding.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_EmbeddedStore_IsNoted() =>
        AssertNote(Of(s => s with { Store = s.Store! with { Kind = "embedded" } }), "store", "one replica only");

    [Fact]
    public void Judge_ReplicaIsBehind_NamesItAndHowToForgetIt()
    {
        var facts = Healthy with
        {
            Replicas = [Healthy.Replicas[0], Healthy.Replicas[1] with { AcknowledgedRevision = 7 }],
        };

        var wrong = DoctorJudge.Judge(facts).Where(f => f.Result == FindingKind.Wrong).ToArray();

        Assert.Equal(["replicas", "generation"], wrong.Select(f => f.Check));
        Assert.Contains("gw-2:8081 at 7; the revision is 9", wrong[0].Detail, StringComparison.Ordinal);
        Assert.Contains("iamgw replicas forget", wrong[0].Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_ReplicaIsForgotten_IsNotSilent() => AssertNote(
        Healthy with
        {
            Replicas =
            [
                Healthy.Replicas[0],
                Healthy.Replicas[1] with { AcknowledgedRevision = 7, Forgotten = true },
            ],
        },
        "replicas", "All 1 replicas have applied revision 9; 1 forgotten");

    [Theory]
    [InlineData("prepare")]
    [InlineData("flush")]
    public void Judge_PhaseStaysBetweenTwo_IsWrong(string phase) =>
        AssertWrong(Of(s => s with { Phase = phase }), "phase", $"The phase is {phase} for 4s");

    [Fact]
    public void Judge_VersionIsBeingClosed_IsNoted() =>
        AssertNote(Of(s => s with { Phase = "closing" }), "phase", "RequestTimeout");

    [Fact]
    public void Judge_InstanceIsQuarantined_TellsTheReasonAndTheVersionThatLacksIt()
    {
        var facts = With(1, i => i with { State = "quarantined", Reason = "it reports no version" });

        var wrong = DoctorJudge.Judge(facts).Where(f => f.Result == FindingKind.Wrong).ToArray();

        Assert.Equal(["instance new-2", "version 8.3.0"], wrong.Select(f => f.Check));
        Assert.Contains("it reports no version", wrong[0].Detail, StringComparison.Ordinal);
        Assert.StartsWith("1 usable instance,", wrong[1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_InstanceIsUnhealthy_NamesItsAddress() => AssertWrong(
        With(2, i => i with { Health = "unhealthy" }), "instance old-1", "http://10.0.0.1:8080/");

    [Fact]
    public void Judge_InstanceReportsAnotherVersion_NamesBoth() => AssertWrong(
        With(3, i => i with { ReportedVersion = "8.2.2" }), "instance old-2",
        "reports version 8.2.2 and is taken for 8.2.1");

    [Fact]
    public void Judge_InstanceIsDrained_SaysHowItComesBack()
    {
        var finding = AssertNote(With(2, i => i with { State = "drained" }), "instance old-1", "nothing new");

        Assert.Contains("iamgw instances resume old-1", finding.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_OlderVersionHasNoUsableInstance_IsWrong()
    {
        var facts = Healthy with { Instances = [.. Healthy.Instances.Take(2)] };

        AssertWrong(facts, "version 8.2.1", "0 usable instances");
    }

    [Fact]
    public void Judge_RolloutIsPaused_TellsWhy() => AssertNote(
        Of(s => s with { Rollout = Read<Rollout>(SomeAnswers.Rollout("paused", "too many errors")) }),
        "rollout", "too many errors");

    private static Finding AssertWrong(DoctorFacts facts, string check, string words)
    {
        var finding = Assert.Single(DoctorJudge.Judge(facts), f => f.Result == FindingKind.Wrong);
        Assert.Equal(check, finding.Check);
        Assert.Contains(words, finding.Detail, StringComparison.Ordinal);
        Assert.NotNull(finding.Fix);
        return finding;
    }

    private static Finding AssertNote(DoctorFacts facts, string check, string words)
    {
        var finding = Assert.Single(DoctorJudge.Judge(facts), f => f.Result != FindingKind.Ok);
        Assert.Equal((check, FindingKind.Note), (finding.Check, finding.Result));
        Assert.Contains(words, finding.Detail, StringComparison.Ordinal);
        return finding;
    }

    private static DoctorFacts Of(Func<Status, Status> change) => Healthy with { Status = change(Healthy.Status!) };

    private static DoctorFacts With(int index, Func<Instance, Instance> change) => Healthy with
    {
        Instances = [.. Healthy.Instances.Select((instance, i) => i == index ? change(instance) : instance)],
    };

    private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, AdminClient.Options)!;
}
