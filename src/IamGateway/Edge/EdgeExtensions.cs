using IamGateway.Configuration;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace IamGateway.Edge;

internal static class EdgeExtensions
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    public static void AddEdge(this IServiceCollection services)
    {
        services.AddSingleton<AmbiguousRequests>();
        services.AddSingleton<Peers>();
        services.AddSingleton<ForeignHeaders>();
        services.AddSingleton<Admission>();
        services.AddSingleton<ClientConnections>();
        services.AddSingleton<CertificateFiles>();
        services.AddSingleton<Listeners>();
        services.AddHostedService(p => p.GetRequiredService<CertificateFiles>());
        services.AddSingleton<ILoggerProvider, RejectedRequests>();
        services.AddLogging(l => l.AddFilter<RejectedRequests>(category: null, LogLevel.None)
            .AddFilter<RejectedRequests>(RejectedRequests.Category, LogLevel.Debug));
    }

    /// <summary>What the proxy listener takes from a client before anything is made of it.</summary>
    public static void UseLimits(this KestrelServerOptions kestrel, GatewaySettings settings)
    {
        var limits = settings.Options.Limits;
        // The gateway's own cookie does not go on to the IAM, so it must not take room from what does.
        var own = kestrel.ApplicationServices.GetRequiredService<Witness>().Room;
        kestrel.Limits.MaxRequestHeadersTotalSize = limits.HeadersSize + own;
        kestrel.Limits.Http2.MaxRequestHeaderFieldSize = limits.HeadersSize + own;
        kestrel.Limits.Http3.MaxRequestHeaderFieldSize = limits.HeadersSize + own;
        kestrel.Limits.MaxRequestHeaderCount = limits.HeaderCount;
        kestrel.Limits.MaxRequestLineSize = limits.RequestLine;
        // An IAM's uploads and answers have no size that the gateway could know.
        kestrel.Limits.MaxRequestBodySize = limits.BodySize;
        kestrel.Limits.RequestHeadersTimeout = limits.HeadersTimeout;
        kestrel.Limits.MinRequestBodyDataRate = Rate(limits.BodyRate);
        kestrel.Limits.MinResponseDataRate = Rate(limits.BodyRate);
        kestrel.Limits.Http2.MaxStreamsPerConnection = limits.StreamsPerConnection;
        var connections = kestrel.ApplicationServices.GetRequiredService<ClientConnections>();
        if (connections.IsOn)
            kestrel.ConfigureEndpointDefaults(endpoint =>
            {
                endpoint.Use(next => connection => connections.OnConnectionAsync(connection, c => next(c)));
                ((IMultiplexedConnectionBuilder)endpoint).Use(next =>
                    connection => connections.OnConnectionAsync(connection, c => next(c)));
            });
    }

    private static MinDataRate? Rate(int bytesPerSecond) =>
        bytesPerSecond == 0 ? null : new MinDataRate(bytesPerSecond, Grace);

    /// <summary>What is no clear request, who the client is, and what of its headers is not believed.</summary>
    public static void UseEdge(this IApplicationBuilder app)
    {
        var foreign = app.ApplicationServices.GetRequiredService<ForeignHeaders>();
        var peers = app.ApplicationServices.GetRequiredService<Peers>();
        var ambiguous = app.ApplicationServices.GetRequiredService<AmbiguousRequests>();
        app.Use(next => http =>
        {
            if (!ambiguous.IsClear(http))
                return Task.CompletedTask;
            foreign.Remove(http);
            return next(http);
        });
        if (peers.Networks.Count == 0)
            return;
        app.UseForwardedHeaders(Believe(peers));
        app.Use(next => http =>
        {
            ForeignHeaders.RemoveReplaced(http);
            return next(http);
        });
    }

    private static ForwardedHeadersOptions Believe(Peers peers)
    {
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.All & ~ForwardedHeaders.XForwardedPrefix,
            ForwardLimit = null,
        };
        options.KnownIPNetworks.Clear();
        options.KnownProxies.Clear();
        foreach (var network in peers.Networks)
            options.KnownIPNetworks.Add(network);
        return options;
    }
}
