namespace IamGateway.Tests;

public sealed class VersionIdTests
{
    [Theory]
    [InlineData("8.2.1", "8.3.0")]
    [InlineData("8.2.9", "8.2.10")]
    [InlineData("8.3.0-rc.1", "8.3.0")]
    public void Compare_LowerAndHigher_FollowsSemVerPrecedence(string lower, string higher) =>
        Assert.True(VersionId.Parse(lower) < VersionId.Parse(higher));

    [Theory]
    [InlineData("8.2")]
    [InlineData("v8.2.1")]
    [InlineData("")]
    [InlineData("8.2.1 ")]
    public void TryParse_NotSemVer_Refuses(string text) => Assert.False(VersionId.TryParse(text, out _));
}
