using System.Collections.Concurrent;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>
/// The HTTP client of the IAM's cluster: a pool of connections for each version, so that a connection proven to lead
/// to one version is never used for another. Used as it is, it has a pool of its own that proves nothing, for health
/// checks.
/// </summary>
internal sealed class InstanceClients(HttpMessageInvoker unproven, Func<VersionId, HttpMessageInvoker> create)
    : HttpMessageInvoker(new Through(unproven), disposeHandler: true)
{
    private readonly ConcurrentDictionary<VersionId, HttpMessageInvoker> _clients = new();
    private readonly ConcurrentDictionary<VersionId, Models> _models = new();

    /// <summary>The same cluster, with the client of a version.</summary>
    public ClusterModel ModelFor(ClusterModel cluster, VersionId version)
    {
        if (_models.TryGetValue(version, out var known) && ReferenceEquals(known.Source, cluster))
            return known.Result;
        var model = new ClusterModel(cluster.Config, _clients.GetOrAdd(version, create));
        _models[version] = new Models(cluster, model);
        return model;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var client in _clients.Values)
                client.Dispose();
        }

        base.Dispose(disposing);
    }

    private sealed record Models(ClusterModel Source, ClusterModel Result);

    private sealed class Through(HttpMessageInvoker inner) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken) =>
            inner.SendAsync(request, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
