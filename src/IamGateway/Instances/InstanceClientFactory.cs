using IamGateway.Configuration;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace IamGateway.Instances;

/// <summary>
/// Makes YARP's HTTP clients: for the IAM's cluster one for each version, see <see cref="InstanceClients"/>.
/// </summary>
internal sealed class InstanceClientFactory(
    GatewaySettings settings, VersionProbe probe, ProvenConnector connector, InstanceTruth truth, InstanceTls tls,
    TimeProvider time, ILogger<ForwarderHttpClientFactory> logger)
    : IForwarderHttpClientFactory
{
    private readonly ForwarderHttpClientFactory _plain = new(logger);

    public HttpMessageInvoker CreateClient(ForwarderHttpClientContext context)
    {
        if (context.ClusterId != settings.Options.Cluster)
            return _plain.CreateClient(context);
        if (context.OldClient is InstanceClients old && context.NewConfig == context.OldConfig)
            return old;
        var anew = new ForwarderHttpClientContext
        {
            ClusterId = context.ClusterId,
            NewConfig = context.NewConfig,
            NewMetadata = context.NewMetadata,
        };
        return new InstanceClients(
            new Handlers(logger, tls, handler => truth.Tls = handler.SslOptions).CreateClient(anew),
            version => new Handlers(logger, tls, handler => Prove(handler, version)).CreateClient(anew),
            settings.Options.RequestTimeout, time);
    }

    private void Prove(SocketsHttpHandler handler, VersionId version)
    {
        handler.ConnectCallback = (context, cancellation) => probe.IsConfigured
            ? connector.ConnectAsync(context, handler.SslOptions, version, cancellation)
            : ProvenConnector.ConnectUnprovenAsync(context, handler.SslOptions, cancellation);
    }

    /// <summary>YARP's handlers with the cluster's settings, and something done to each.</summary>
    private sealed class Handlers(
        ILogger<ForwarderHttpClientFactory> logger, InstanceTls tls, Action<SocketsHttpHandler> change)
        : ForwarderHttpClientFactory(logger)
    {
        protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
        {
            base.ConfigureHandler(context, handler);
            // The gateway sets traceparent itself; the handler's would name a span that nobody exports.
            handler.ActivityHeadersPropagator = null;
            tls.Apply(handler.SslOptions);
            change(handler);
        }
    }
}
