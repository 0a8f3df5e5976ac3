using System.Net.Sockets;
using IamGateway.Instances;
using IamGateway.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Forwarding;

/// <summary>Why a request may be sent again.</summary>
internal enum Retry
{
    None,

    /// <summary>There was no connection.</summary>
    NotConnected,

    /// <summary>The connection had ended before anything of the request came to the instance.</summary>
    NotDelivered,

    /// <summary>The instance has closed the connection without an answer, and the route allows to ask again.</summary>
    Reset,
}

/// <summary>
/// Says which failed requests are sent again: by default only those that certainly did not reach an instance, whatever
/// their method, for an IAM takes a repeated call for a failed login attempt.
/// </summary>
internal sealed class Retries(RetryBudget budget, GatewayMetrics metrics)
{
    /// <summary>The metadata of a route that allows more.</summary>
    public const string MetadataName = "Retry";

    /// <summary>
    /// Its value: safe methods (GET, HEAD, OPTIONS) are repeated after a reset, once at a sibling of the instance. An
    /// instance without one that goes away may close several connections before it refuses the next.
    /// </summary>
    public const string SafeMethods = "safe";

    // Several idle connections may have ended at the same time.
    private const int MaxRepeats = 4;

    public Retry Judge(HttpContext http, GatewayRequest request, ReplayBody? body, bool hasSibling)
    {
        if (request.Error is not { } error)
        {
            budget.Earn();
            return Retry.None;
        }

        if (request.Refusal != RefusalCode.None || http.Response.HasStarted
            || http.RequestAborted.IsCancellationRequested)
            return Retry.None;
        var retry = Judge(error, http, request, hasSibling);
        if (retry == Retry.None || body is not null && !body.TryRewind())
            return Retry.None;
        if (retry == Retry.Reset && !budget.TrySpend())
        {
            metrics.Retried("budget_exhausted");
            return Retry.None;
        }

        if (retry != Retry.NotConnected)
            request.Repeats++;
        request.WasReset |= retry == Retry.Reset;
        return retry;
    }

    private static Retry Judge(
        IForwarderErrorFeature error, HttpContext http, GatewayRequest request, bool hasSibling)
    {
        if (error.Error == ForwarderError.Request && IsOfConnecting(error.Exception))
            return Retry.NotConnected;
        if (error.Error is not (ForwarderError.Request or ForwarderError.RequestBodyDestination)
            || UnansweredException.In(error.Exception) is not { } unanswered || request.Repeats >= MaxRepeats)
            return Retry.None;
        if (!unanswered.WasDelivered)
            return Retry.NotDelivered;
        // What the instance has closed it works on no more; what was lost on the way to it may be at work still.
        return !(request.WasReset && hasSibling) && IsSafe(http.Request.Method) && IsAllowed(http)
            && !CutOff.IsOurs(unanswered)
            ? Retry.Reset
            : Retry.None;
    }

    // SocketsHttpHandler asks each new connection for its other end; where that was reset meanwhile, the socket's own
    // exception comes through.
    private static bool IsOfConnecting(Exception? error) => error
        is HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError,
        }
        or SocketException { SocketErrorCode: SocketError.NotConnected };

    private static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    private static bool IsAllowed(HttpContext http) =>
        http.GetRouteModel().Config.Metadata is { } metadata
        && metadata.TryGetValue(MetadataName, out var value) && value == SafeMethods;
}
