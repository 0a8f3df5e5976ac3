using System.Net.Sockets;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Recording;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace IamGateway.Tests.Forwarding;

public sealed class RetriesTests
{
    private readonly Retries _retries = new(
        new RetryBudget(
            new GatewaySettings(new GatewayOptions(), [], new SessionRules([], []), [], null, null, null),
            TimeProvider.System),
        new GatewayMetrics());

    [Theory]
    [InlineData(ForwarderError.Request)]
    [InlineData(ForwarderError.RequestBodyDestination)]
    public void Judge_NothingHasReachedTheInstance_IsSentAgainWhateverTheMethod(ForwarderError error)
    {
        var request = new GatewayRequest(1);

        Assert.Equal(Retry.NotDelivered, Judge(request, error, wasDelivered: false));
    }

    [Fact]
    public void Judge_NothingReachesAnyInstance_EndsSomeTime()
    {
        var request = new GatewayRequest(1);
        var times = 0;
        while (times < 100 && Judge(request, ForwarderError.Request, wasDelivered: false) == Retry.NotDelivered)
            times++;

        Assert.InRange(times, 2, 10);
    }

    // A connection that was reset before the client had looked at it shows itself so.
    [Theory]
    [InlineData(SocketError.NotConnected, true)]
    [InlineData(SocketError.ConnectionReset, false)]
    public void Judge_SocketFails_IsSentAgainIfItWasNeverConnected(SocketError code, bool isRepeated)
    {
        var failure = new Failure(ForwarderError.Request, new SocketException((int)code));

        Assert.Equal(isRepeated ? Retry.NotConnected : Retry.None, Judge(new GatewayRequest(1), failure));
    }

    [Theory]
    [InlineData(ForwarderError.Request, true)]
    [InlineData(ForwarderError.ResponseBodyDestination, false)]
    [InlineData(ForwarderError.RequestCanceled, false)]
    [InlineData(ForwarderError.RequestTimedOut, false)]
    public void Judge_ItMayHaveReachedTheInstance_IsNotSentAgain(ForwarderError error, bool wasDelivered) =>
        Assert.Equal(Retry.None, Judge(new GatewayRequest(1), error, wasDelivered));

    [Fact]
    public void Judge_ClientIsGone_IsNotSentAgain() => Assert.Equal(
        Retry.None,
        Judge(new GatewayRequest(1), ForwarderError.Request, wasDelivered: false, new CancellationToken(true)));

    private Retry Judge(
        GatewayRequest request, ForwarderError error, bool wasDelivered, CancellationToken aborted = default) => Judge(
        request,
        new Failure(error, new HttpRequestException("", new UnansweredException(wasDelivered, null))),
        aborted);

    private Retry Judge(GatewayRequest request, Failure failure, CancellationToken aborted = default)
    {
        var http = new DefaultHttpContext { RequestAborted = aborted };
        http.Request.Method = "POST";
        request.Error = failure;
        return _retries.Judge(http, request, null, hasSibling: true);
    }

    private sealed record Failure(ForwarderError Error, Exception? Exception) : IForwarderErrorFeature;
}
