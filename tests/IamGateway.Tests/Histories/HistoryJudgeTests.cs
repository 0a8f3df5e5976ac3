using DemoIam;

namespace IamGateway.Tests.Histories;

/// <summary>A judge that never finds anything is not trusted.</summary>
public sealed class HistoryJudgeTests
{
    private static HistoryEntry Entry(long at, char kind, long request, string version, string sid = "s") =>
        new(at, kind, request, sid, version, version, "/");

    [Fact]
    public void Judge_OneVersionAfterTheOther_IsClean()
    {
        var verdict = HistoryJudge.Judge(
            [Entry(1, 'b', 1, "8.2.1"), Entry(2, 'e', 1, "8.2.1"), Entry(3, 'b', 2, "8.3.0"),
                Entry(4, 'e', 2, "8.3.0")]);

        Assert.True(verdict.IsClean, verdict.ToString());
        Assert.Equal((1, 2, 1, 0), (verdict.Sessions, verdict.Requests, verdict.Migrations, verdict.Unended));
    }

    [Fact]
    public void Judge_BackToTheOldVersion_IsFound()
    {
        var verdict = HistoryJudge.Judge(
            [Entry(1, 'b', 1, "8.10.0"), Entry(2, 'e', 1, "8.10.0"), Entry(3, 'b', 2, "8.9.0"),
                Entry(4, 'e', 2, "8.9.0")]);

        Assert.Single(verdict.WentBack);
        Assert.Empty(verdict.Overlapped);
    }

    [Fact]
    public void Judge_NewVersionBeginsWhileTheOldWorks_IsFound()
    {
        var verdict = HistoryJudge.Judge(
            [Entry(1, 'b', 1, "8.2.1"), Entry(2, 'b', 2, "8.3.0"), Entry(3, 'e', 1, "8.2.1"),
                Entry(4, 'e', 2, "8.3.0")]);

        Assert.Empty(verdict.WentBack);
        Assert.Single(verdict.Overlapped);
    }

    [Fact]
    public void Judge_OldRequestWithoutEnd_StillWorks()
    {
        var verdict = HistoryJudge.Judge([Entry(1, 'b', 1, "8.2.1"), Entry(2, 'b', 2, "8.3.0")]);

        Assert.Single(verdict.Overlapped);
        Assert.Equal(2, verdict.Unended);
    }

    [Fact]
    public void Judge_OtherSessionsOnOtherVersions_AreClean() => Assert.True(HistoryJudge.Judge(
        [Entry(1, 'b', 1, "8.3.0", "s"), Entry(2, 'b', 2, "8.2.1", "t")]).IsClean);
}
