using System.Text.Json;
using CsCheck;

namespace IamGateway.Tests;

public sealed class VersionIdTests
{
    private static readonly string[] Suffixes = ["", "-rc.1", "-rc.2", "-rc.10", "-alpha", "-1", "+build"];

    private static readonly Gen<VersionId> Version = Gen.Select(
        Gen.Int[0, 3], Gen.Int[0, 11], Gen.Int[0, 11], Gen.Int[0, Suffixes.Length - 1])
        .Select(v => VersionId.Parse($"{v.Item1}.{v.Item2}.{v.Item3}{Suffixes[v.Item4]}"));

    [Theory]
    [InlineData("8.2.1", "8.3.0")]
    [InlineData("8.2.9", "8.2.10")]
    [InlineData("8.3.0-rc.1", "8.3.0")]
    [InlineData("8.3.0-rc.2", "8.3.0-rc.10")]
    [InlineData("8.3.0-1", "8.3.0-alpha")]
    public void Compare_LowerAndHigher_FollowsSemVerPrecedence(string lower, string higher) =>
        Assert.True(VersionId.Parse(lower) < VersionId.Parse(higher));

    [Theory]
    [InlineData("8.2")]
    [InlineData("v8.2.1")]
    [InlineData("")]
    [InlineData("8.2.1 ")]
    [InlineData("8.02.1")]
    [InlineData("8.2.1-")]
    [InlineData("-8.2.1")]
    [InlineData("8.2.1.0")]
    [InlineData(null)]
    public void TryParse_NotSemVer_Refuses(string? text) => Assert.False(VersionId.TryParse(text, out _));

    [Fact]
    public void TryParse_HugeText_Refuses() => Assert.False(VersionId.TryParse($"8.2.1-{new string('a', 100)}", out _));

    [Fact]
    public void TryParse_AnyText_NeverThrows() =>
        Gen.String[Gen.Char["0123456789.-+aZ \ud800"], 0, 80].Sample(
            text => Assert.True(
                !VersionId.TryParse(text, out var version) || VersionId.Parse(version.ToString()) == version),
            iter: 5000);

    [Fact]
    public void Equals_BuildMetadata_IsNoPartOfTheVersion() =>
        Assert.Equal(VersionId.Parse("8.2.1"), VersionId.Parse("8.2.1+build.7"));

    [Fact]
    public void Compare_AnyThree_IsATotalOrderThatAgreesWithEquality() => Gen.Select(Version, Version, Version).Sample(
        (a, b, c) =>
        {
            Assert.Equal(Math.Sign(a.CompareTo(b)), -Math.Sign(b.CompareTo(a)));
            Assert.Equal(a == b, a.CompareTo(b) == 0);
            Assert.True(a != b || a.GetHashCode() == b.GetHashCode());
            Assert.True(!(a <= b && b <= c) || a <= c);
            Assert.Equal(a < b, b > a);
            Assert.Equal(a >= b, b <= a);
        },
        iter: 5000);

    [Fact]
    public void Json_ValueAndKey_RoundTrip() => Version.Sample(version =>
    {
        var map = new Dictionary<VersionId, VersionId> { [version] = version };
        Assert.Equal(map, JsonSerializer.Deserialize<Dictionary<VersionId, VersionId>>(JsonSerializer.Serialize(map)));
    });
}
