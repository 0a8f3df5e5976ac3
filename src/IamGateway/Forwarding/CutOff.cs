using System.Net.Sockets;
using Yarp.ReverseProxy.Forwarder;

namespace IamGateway.Forwarding;

/// <summary>Whether an instance may still be working on a request that has ended for the gateway.</summary>
internal static class CutOff
{
    /// <summary>
    /// True unless the instance has finished its answer, has closed the connection or was never reached. The body of an
    /// answer that was withheld was not read to its end. An upgraded connection ends without an error only when the
    /// instance has closed its side: the proxy reads that to its end, whatever the client does.
    /// </summary>
    public static bool Is(GatewayRequest request)
    {
        if (request.InstanceId is null)
            return false;
        if (request.Refusal != RefusalCode.None || request.EndedEarly)
            return true;
        if (request.Error is not { } error)
            return false;
        var byInstance = error.Error is ForwarderError.NoAvailableDestinations or ForwarderError.RequestCreation
            or ForwarderError.Request or ForwarderError.ResponseBodyDestination
            or ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination;
        return !byInstance || IsOurs(error.Exception);
    }

    // A time-out of the gateway shows as the destination's error, with a cancellation inside. A lost way to the
    // instance is not the instance's doing either.
    public static bool IsOurs(Exception? error) => error switch
    {
        null => false,
        OperationCanceledException => true,
        SocketException
        {
            SocketErrorCode: SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable
            or SocketError.NetworkDown or SocketError.HostDown,
        } => true,
        AggregateException all => all.InnerExceptions.Any(IsOurs),
        _ => IsOurs(error.InnerException),
    };
}
