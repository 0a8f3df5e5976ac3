using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Routing;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Edge;

/// <summary>Which requests are refused for what they are, whatever session they belong to.</summary>
internal sealed class Admission(GatewaySettings settings, Peers peers, TimeProvider time)
{
    private readonly ClientRate _rate = new(settings.Options.Limits.NewSessionsPerClient, time);

    /// <summary>Why a request is not accepted, or None.</summary>
    public RefusalCode Judge(HttpContext http)
    {
        if (settings.Options.Edge.AmbiguousPaths == AmbiguousPaths.Refuse && RequestTarget.IsAmbiguous(http))
            return RefusalCode.AmbiguousPath;
        return http.Request.ContentLength > settings.Options.Limits.BodySize
            ? RefusalCode.BodyTooLarge
            : RefusalCode.None;
    }

    /// <summary>
    /// Whether the client may send a request of a session that is not known here: one without a handle counts, one
    /// with a handle only when the store does not know it either (<see cref="Count"/>).
    /// </summary>
    public bool MayBegin(HttpContext http, GatewayRequest request, RoutingView view)
    {
        if (request.WitnessedAt != 0 || request.HandleCount > 0 && !view.IsStrict || Limited(http) is not { } client)
            return true;
        if (request.HandleCount == 0)
            return _rate.TryTake(client);
        return view.Names.TryGet(request[0].Key, out _) || _rate.IsLeft(client);
    }

    /// <summary>Counts a request whose handles nobody knows.</summary>
    public void Count(HttpContext http)
    {
        if (Limited(http) is { } client)
            _rate.TryTake(client);
    }

    private ClientKey? Limited(HttpContext http) =>
        _rate.IsOn && http.Connection.RemoteIpAddress is { } address && !peers.IsUnlimited(address)
            ? ClientKey.Of(address)
            : null;
}
