using IamGateway.Routing;
using Microsoft.AspNetCore.Connections.Features;

namespace IamGateway.Forwarding;

internal static class LeavingExtensions
{
    /// <summary>
    /// While the gateway leaves, every response tells its client to take another connection:
    /// <c>Connection: close</c>, or GOAWAY for HTTP/2.
    /// </summary>
    public static void UseLeaving(this WebApplication app)
    {
        var replica = app.Services.GetRequiredService<Replica>();
        app.Use(next => http =>
        {
            if (replica.IsLeaving)
                http.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            return next(http);
        });
    }
}
