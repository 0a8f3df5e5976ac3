using IamGateway.Rollouts;
using IamGateway.Tests.Routing;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Rollouts;

public sealed class DrainProgressTests
{
    private static readonly Rollout Draining = SomeRollouts.Draining().Rollout!;
    private readonly FakeTimeProvider _time = new(States.Now);
    private readonly DrainProgress _progress;

    public DrainProgressTests() => _progress = new DrainProgress(_time);

    private void Note(int afterSeconds, long left)
    {
        _time.Advance(TimeSpan.FromSeconds(afterSeconds));
        _progress.Note(Draining, left);
    }

    private DateTimeOffset? End(long left) => _progress.EstimatedEnd(Draining, left, _time.GetUtcNow());

    [Fact]
    public void EstimatedEnd_OneSample_IsNotKnown()
    {
        Note(0, 100);

        Assert.Null(End(100));
    }

    [Fact]
    public void EstimatedEnd_SteadyPace_GoesOnWithIt()
    {
        Note(0, 100);
        Note(10, 90);
        Note(10, 80);

        Assert.Equal(_time.GetUtcNow().AddSeconds(80), End(80));
    }

    [Fact]
    public void EstimatedEnd_PaceOfLongAgo_CountsNoMore()
    {
        Note(0, 100_000);
        Note(10, 100);
        Note(50, 100);
        Note(10, 90);

        Assert.Equal(_time.GetUtcNow().AddSeconds(60 / 10 * 90), End(90));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1001)]
    [InlineData(999)]
    public void EstimatedEnd_HardlyAnyPaceOrNone_IsTheDeadline(long left)
    {
        Note(0, 1000);
        Note(59, left);

        Assert.Equal(Draining.Drain!.Deadline, End(left));
    }

    [Fact]
    public void EstimatedEnd_NothingLeft_IsNow() => Assert.Equal(_time.GetUtcNow(), End(0));

    [Fact]
    public void EstimatedEnd_OfAnotherRollout_IsNotKnown()
    {
        Note(0, 100);
        Note(10, 90);

        Assert.Null(_progress.EstimatedEnd(Draining with { Id = "r2" }, 90, _time.GetUtcNow()));
    }
}
