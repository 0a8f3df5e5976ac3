using IamGateway.Rollouts;

namespace IamGateway.Tests.Rollouts;

public sealed class DurationTests
{
    [Theory]
    [InlineData("90s", 90)]
    [InlineData("10m", 600)]
    [InlineData("8h", 28_800)]
    [InlineData("1d", 86_400)]
    [InlineData("1h30m", 5400)]
    [InlineData("0s", 0)]
    [InlineData("00:10:00", 600)]
    [InlineData("1.00:00:01", 86_401)]
    public void TryParse_WhatPeopleWrite_IsUnderstood(string text, int seconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("m")]
    [InlineData("10 m")]
    [InlineData("-10m")]
    [InlineData("10M")]
    [InlineData("1.5h")]
    [InlineData("10m!")]
    [InlineData("-00:10:00")]
    [InlineData("00:99:00")]
    [InlineData("9999999d")]
    [InlineData("999999d999999d999999d999999d999999d")]
    [InlineData("manual")]
    public void TryParse_AnythingElse_IsRefused(string? text) => Assert.False(Duration.TryParse(text, out _));

    [Theory]
    [InlineData("90s", "1m30s")]
    [InlineData("600s", "10m")]
    [InlineData("24h", "1d")]
    [InlineData("00:00:00.250", "250ms")]
    [InlineData("0m", "0s")]
    public void Format_AnyDuration_IsShortAndCanBeReadAgain(string text, string formatted)
    {
        Assert.True(Duration.TryParse(text, out var duration));

        Assert.Equal(formatted, Duration.Format(duration));
        Assert.True(Duration.TryParse(formatted, out var again));
        Assert.Equal(duration, again);
    }
}
