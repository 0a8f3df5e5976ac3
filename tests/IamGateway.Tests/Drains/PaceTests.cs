using IamGateway.Drains;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Drains;

public sealed class PaceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Pace _pace;

    public PaceTests() => _pace = new Pace(_time);

    private void Note(double afterSeconds, params long[] left)
    {
        foreach (var l in left)
        {
            _pace.Note(l);
            _time.Advance(TimeSpan.FromSeconds(afterSeconds));
        }
    }

    private double? SecondsLeft() => (_pace.End() - _time.GetUtcNow())?.TotalSeconds;

    [Fact]
    public void End_GoingDownEvenly_IsWhenNothingIsLeft()
    {
        Note(10, 100, 90, 80);

        Assert.Equal(70, SecondsLeft());
    }

    [Theory]
    [InlineData()]
    [InlineData(7L)]
    [InlineData(7L, 7L, 7L)]
    [InlineData(7L, 8L)]
    [InlineData(7L, 0L)]
    public void End_NotGoingDownOrThereAlready_IsUnknown(params long[] left)
    {
        Note(2, left);

        Assert.Null(_pace.End());
    }

    [Fact]
    public void End_StoodStillLongAgo_CountsTheLastFiveMinutes()
    {
        Note(60, [.. Enumerable.Repeat(1000L, 60)]);
        Note(60, 940, 880, 820, 760, 700, 640);

        Assert.Equal(580, SecondsLeft()!.Value, 0.001);
    }

    [Fact]
    public void Note_ManyTimesASecond_TakesOne()
    {
        Note(0.1, 10, 9, 8, 7, 6);

        Assert.Null(_pace.End());
    }
}
