using IamGateway.Drains;
using IamGateway.Pins;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Drains;

/// <summary>When an instance on which sessions live is free: by a count, and not by one of before.</summary>
public sealed class DrainCourseTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly DrainCourse _course;

    public DrainCourseTests() => _course = new DrainCourse(_time);

    /// <summary>A count of so many sessions that began just now.</summary>
    private PlaceCount Count(long sessions) => new(
        sessions == 0 ? new Dictionary<string, long> { ["b"] = 7 } : new Dictionary<string, long> { ["a"] = sessions },
        _time.GetTimestamp());

    private void Note(PlaceCount? places, int inFlight = 0, params string[] waitingFor)
    {
        _course.Note(new DrainStatus(inFlight, 0, places?.Of("a"), false, waitingFor, null), places, "a");
        _time.Advance(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Empty_NoSessionByACountOfNow_IsSoTwoSecondsLater()
    {
        Note(null);
        var count = Count(0);
        Note(count);
        Assert.True(_course.IsLeft);
        Assert.False(_course.IsEmpty);
        Note(count);

        Assert.True(_course.IsEmpty);
    }

    [Fact]
    public void Empty_CountOfBeforeTheDrainWasAppliedByAll_SaysNothing()
    {
        var before = Count(0);
        Note(before, 0, "other");
        for (var i = 0; i < 5; i++)
            Note(before);

        Assert.Equal((false, false), (_course.IsLeft, _course.IsEmpty));
    }

    [Fact]
    public void Empty_RequestAtWorkWhileItWasCounted_SaysNothingOfWhatThatBegins()
    {
        Note(null);
        var during = Count(0);
        Note(during, inFlight: 1);
        Assert.True(_course.IsLeft);
        for (var i = 0; i < 5; i++)
            Note(during);

        Assert.False(_course.IsEmpty);
    }

    [Fact]
    public void Empty_SessionsThatAreLeft_AreWaitedFor()
    {
        for (var left = 3; left > 0; left--)
        {
            for (var i = 0; i < 3; i++)
                Note(Count(left));
            Assert.Equal((false, false), (_course.IsLeft, _course.IsEmpty));
        }

        Assert.NotNull(_course.EstimatedEnd);
        for (var i = 0; i < 3; i++)
            Note(Count(0));
        Assert.True(_course.IsEmpty);
    }

    [Fact]
    public void Empty_WorkBeginsAnew_IsNotSoAnyMore()
    {
        for (var i = 0; i < 3; i++)
            Note(Count(0));
        Assert.True(_course.IsEmpty);

        Note(Count(0), inFlight: 1);

        Assert.False(_course.IsEmpty);
    }
}
