using IamGateway.WebConsole;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.WebConsole;

public sealed class LoginThrottleTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LoginThrottle _throttle;

    public LoginThrottleTests() => _throttle = new LoginThrottle(_time);

    private void Fail(string client, int times)
    {
        for (var i = 0; i < times; i++)
            Assert.Null(_throttle.Begin(client));
    }

    [Fact]
    public void Client_AfterTooManyFailures_WaitsForTheRestOfTheWindow()
    {
        Fail("a", LoginThrottle.MaxFailures);
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(LoginThrottle.Window - TimeSpan.FromSeconds(20), _throttle.Begin("a"));
        Assert.Null(_throttle.Begin("b"));
        _time.Advance(LoginThrottle.Window - TimeSpan.FromSeconds(20));
        Fail("a", LoginThrottle.MaxFailures);
        Assert.NotNull(_throttle.Begin("a"));
    }

    [Fact]
    public void Client_WhoSucceeds_IsNotCounted()
    {
        for (var i = 0; i < 3 * LoginThrottle.MaxFailures; i++)
        {
            Assert.Null(_throttle.Begin("a"));
            _throttle.Succeeded("a");
        }

        Fail("a", LoginThrottle.MaxFailures);
        Assert.NotNull(_throttle.Begin("a"));
    }

    [Fact]
    public void Clients_OfAnyNumber_TakeNoMoreThanTheirRoom()
    {
        Fail("first", LoginThrottle.MaxFailures);
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 0; i < LoginThrottle.MaxClients; i++)
            Assert.Null(_throttle.Begin($"{i}"));

        // The one that began first had to go.
        Assert.Null(_throttle.Begin("first"));
    }
}
