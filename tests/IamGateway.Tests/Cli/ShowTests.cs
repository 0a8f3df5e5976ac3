using Iamgw;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Cli;

public sealed class ShowTests
{
    [Theory]
    [InlineData(0, "0s")]
    [InlineData(-5, "0s")]
    [InlineData(0.2, "1s")]
    [InlineData(42, "42s")]
    [InlineData(60, "1m")]
    [InlineData(372, "6m 12s")]
    [InlineData(28_800, "8h")]
    [InlineData(97_323, "1d 3h")]
    public void Span_OfSeconds_HasItsTwoLargestUnits(double seconds, string expected) =>
        Assert.Equal(expected, Show.Span(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData("2026-03-01T03:04:05Z", "05:04:05")]
    [InlineData("2026-02-28T22:30:00Z", "00:30:00")]
    [InlineData("2026-02-28T21:30:00Z", "2026-02-28 23:30:00")]
    public void At_InTheUsersZone_HasTheDayOnlyIfItIsAnotherOne(string at, string expected)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 3, 0, 0, TimeSpan.Zero));
        time.SetLocalTimeZone(TimeZoneInfo.CreateCustomTimeZone("two", TimeSpan.FromHours(2), "two", "two"));

        Assert.Equal(expected, Show.At(DateTimeOffset.Parse(at), time));
    }

    [Theory]
    [InlineData(0, "-")]
    [InlineData(0.0041, "4.1 ms")]
    [InlineData(0.034, "34 ms")]
    [InlineData(1.234, "1.23 s")]
    public void Seconds_OfARequest_HaveTheUnitThatFits(double seconds, string expected) =>
        Assert.Equal(expected, Show.Seconds(seconds));

    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(0.0002, "0.02 %")]
    [InlineData(0.051, "5.1 %")]
    [InlineData(1, "100 %")]
    public void Share_OfRequests_IsInPerCent(double share, string expected) =>
        Assert.Equal(expected, Show.Share(share));
}
