using IamGateway.Admin;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace IamGateway.Tests.Admin;

public sealed class CredentialThrottleTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly CredentialThrottle _throttle;

    public CredentialThrottleTests() =>
        _throttle = new CredentialThrottle(_time, NullLogger<CredentialThrottle>.Instance);

    private void Fail(string client, int times)
    {
        for (var i = 0; i < times; i++)
            Assert.Null(_throttle.Judge(client, isWrong: true));
    }

    [Fact]
    public void Client_AfterTooManyFailures_WaitsForTheRestOfTheWindow()
    {
        Fail("a", CredentialThrottle.MaxFailures);
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(CredentialThrottle.Window - TimeSpan.FromSeconds(20), _throttle.Judge("a", isWrong: true));
        Assert.Null(_throttle.Judge("b", isWrong: true));
        _time.Advance(CredentialThrottle.Window - TimeSpan.FromSeconds(20));
        Fail("a", CredentialThrottle.MaxFailures);
        Assert.NotNull(_throttle.Judge("a", isWrong: true));
    }

    [Fact]
    public void Client_ThatHasToWait_LearnsNothingAndMakesItNoLonger()
    {
        Fail("a", CredentialThrottle.MaxFailures);
        for (var i = 0; i < 59; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(_throttle.Judge("a", isWrong: true), _throttle.Judge("a", isWrong: false));
            Assert.NotNull(_throttle.Judge("a", isWrong: true));
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(_throttle.Judge("a", isWrong: false));
    }

    [Fact]
    public void Client_WhoSucceeds_IsNotCounted()
    {
        for (var i = 0; i < 3 * CredentialThrottle.MaxFailures; i++)
            Assert.Null(_throttle.Judge("a", isWrong: false));

        Fail("a", CredentialThrottle.MaxFailures);
        Assert.NotNull(_throttle.Judge("a", isWrong: true));
    }

    [Fact]
    public void Clients_OfAnyNumber_TakeNoMoreThanTheirRoom()
    {
        Fail("first", CredentialThrottle.MaxFailures);
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 0; i < CredentialThrottle.MaxClients; i++)
            Assert.Null(_throttle.Judge($"{i}", isWrong: true));

        // The one that began first had to go.
        Assert.Null(_throttle.Judge("first", isWrong: true));
    }
}
