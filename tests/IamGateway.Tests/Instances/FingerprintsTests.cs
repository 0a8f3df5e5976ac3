using IamGateway.Instances;
using IamGateway.Routing;
using static IamGateway.Tests.Routing.States;

namespace IamGateway.Tests.Instances;

public sealed class FingerprintsTests
{
    [Fact]
    public void Judge_FirstSight_IsBelieved()
    {
        var verdict = Fingerprints.Judge([], "a", V1, "f1");

        Assert.Equal((V1, true, null), (verdict.Version, verdict.IsFirst, verdict.Problem));
    }

    [Fact]
    public void Judge_SameAsBefore_IsProven()
    {
        var verdict = Fingerprints.Judge([new("a", "f1", V1)], "A", V1, "f1");

        Assert.Equal((V1, false, null), (verdict.Version, verdict.IsFirst, verdict.Problem));
    }

    [Fact]
    public void Judge_SecondInstanceWithTheSame_IsProvenAndToBeKnown()
    {
        // Else a later change of it would pass for its first sight.
        var verdict = Fingerprints.Judge([new("a", "f1", V1)], "b", V1, "f1");

        Assert.Equal((V1, true, null), (verdict.Version, verdict.IsFirst, verdict.Problem));
    }

    [Fact]
    public void Judge_ChangedToWhatNobodyKnows_IsHeldBack()
    {
        var verdict = Fingerprints.Judge([new("a", "f1", V1)], "a", V1, "f2");

        Assert.Null(verdict.Version);
        Assert.Contains("name its version", verdict.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_ChangedToThatOfAnotherInstance_IsThatVersion()
    {
        var verdict = Fingerprints.Judge([new("a", "f1", V1), new("b", "f2", V2)], "a", V1, "f2");

        Assert.Equal((V2, null), (verdict.Version, verdict.Problem));
    }

    [Fact]
    public void Judge_NewInstanceWithTheFingerprintOfAnotherVersion_IsHeldBack()
    {
        // Either the fingerprint does not tell versions apart, or the instance is not what it is said to be.
        var verdict = Fingerprints.Judge([new("a", "f1", V1)], "c", V2, "f1");

        Assert.Null(verdict.Version);
        Assert.Contains($"that of {V1}", verdict.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_NamedBeforeTheUpgrade_IsHeldBackUntilItShowsAnotherBuild()
    {
        KnownFingerprint[] known = [new("a", "f1", V1)];

        Assert.Null(Fingerprints.Judge(known, "a", V2, "f1").Version);
        Assert.Equal(V2, Fingerprints.Judge(known, "a", V2, "f2").Version);
    }

    [Fact]
    public void Judge_VouchedFor_IsProvenAlthoughItTellsNothingApart()
    {
        KnownFingerprint[] known = [new("a", "f1", V1), new("c", "f1", V2)];

        Assert.Equal(V1, Fingerprints.Judge(known, "a", V1, "f1").Version);
        Assert.Equal(V2, Fingerprints.Judge(known, "c", V2, "f1").Version);
    }

    [Fact]
    public void Judge_NobodyNamedAVersion_IsHeldBack() =>
        Assert.NotNull(Fingerprints.Judge([], "a", null, "f1").Problem);
}
