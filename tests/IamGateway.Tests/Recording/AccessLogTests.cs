using CsCheck;
using IamGateway.Recording;

namespace IamGateway.Tests.Recording;

public sealed class AccessLogTests
{
    [Fact]
    public void Share_OfManyRequests_IsKeptToTheLast() =>
        Gen.Select(Gen.Double[0, 1], Gen.Int[1, 10_000]).Sample((share, count) =>
        {
            var logged = Enumerable.Range(1, count).Count(n => AccessLog.IsInShare(n, share));

            Assert.InRange(logged - count * share, -1, 1);
        });

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 100)]
    [InlineData(0.01, 1)]
    public void Share_OfAHundred_IsExact(double share, int expected) =>
        Assert.Equal(expected, Enumerable.Range(1, 100).Count(n => AccessLog.IsInShare(n, share)));
}
