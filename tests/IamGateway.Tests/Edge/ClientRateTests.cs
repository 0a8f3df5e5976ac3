using System.Net;
using IamGateway.Edge;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Edge;

public sealed class ClientRateTests
{
    private static readonly ClientKey Anna = ClientKey.Of(IPAddress.Parse("203.0.113.1"));
    private static readonly ClientKey Ben = ClientKey.Of(IPAddress.Parse("203.0.113.2"));
    // Timestamps as large as they get.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    private static int Taken(ClientRate rate, ClientKey client, int tries = 1000) =>
        Enumerable.Range(0, tries).Count(_ => rate.TryTake(client));

    [Fact]
    public void Take_AtOnce_IsTenSecondsWorthForEachClient()
    {
        var rate = new ClientRate(5, _time);

        Assert.Equal(50, Taken(rate, Anna));
        Assert.False(rate.IsLeft(Anna));
        Assert.True(rate.IsLeft(Ben));
        Assert.Equal(50, Taken(rate, Ben));
    }

    [Fact]
    public void Take_AfterAPause_IsTheRateAndNeverMoreThanTheBurst()
    {
        var rate = new ClientRate(5, _time);
        Taken(rate, Anna);

        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(rate.IsLeft(Anna));
        Assert.Equal(10, Taken(rate, Anna));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(50, Taken(rate, Anna));
    }

    [Fact]
    public void Take_ByManyAtOnce_CountsEachOnce()
    {
        var rate = new ClientRate(100, _time);
        var taken = 0;

        Parallel.For(0, 10_000, _ =>
        {
            if (rate.TryTake(Anna))
                Interlocked.Increment(ref taken);
        });

        Assert.Equal(1000, taken);
    }

    [Theory]
    [InlineData("203.0.113.1", "::ffff:203.0.113.1", true)]
    [InlineData("203.0.113.1", "203.0.113.2", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    [InlineData("0.0.0.5", "::5", false)]
    public void Key_OfTwoAddresses_IsTheSameForOneClient(string one, string other, bool isSame) =>
        Assert.Equal(isSame, ClientKey.Of(IPAddress.Parse(one)) == ClientKey.Of(IPAddress.Parse(other)));
}
