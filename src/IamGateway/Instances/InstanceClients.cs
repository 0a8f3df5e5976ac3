using System.Collections.Concurrent;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>
/// The HTTP client of the IAM's cluster: a pool of connections for each version, so that a connection proven to lead
/// to one version is never used for another. Used as it is, it has a pool of its own that proves nothing, for health
/// checks.
/// </summary>
internal sealed class InstanceClients(
    HttpMessageInvoker unproven, Func<VersionId, HttpMessageInvoker> create, TimeSpan patience, TimeProvider time)
    : HttpMessageInvoker(new Through(unproven), disposeHandler: true)
{
    // About the longest that YARP can count.
    private static readonly TimeSpan Ever = TimeSpan.FromDays(20);
    private readonly ConcurrentDictionary<VersionId, HttpMessageInvoker> _clients = new();
    private readonly ConcurrentDictionary<(VersionId Version, bool IsLasting), Models> _models = new();

    /// <summary>
    /// The same cluster, with the client of a version. With <paramref name="isLasting"/> the answer must begin within
    /// RequestTimeout, and may be silent for any time then.
    /// </summary>
    public ClusterModel ModelFor(ClusterModel cluster, VersionId version, bool isLasting)
    {
        if (_models.TryGetValue((version, isLasting), out var known) && ReferenceEquals(known.Source, cluster))
            return known.Result;
        var client = _clients.GetOrAdd(version, create);
        var model = isLasting
            ? new ClusterModel(
                cluster.Config with
                {
                    HttpRequest = (cluster.Config.HttpRequest ?? ForwarderRequestConfig.Empty) with
                    {
                        ActivityTimeout = Ever,
                    },
                },
                new UntilAnswered(client, cluster.Config.HttpRequest?.ActivityTimeout ?? patience, time))
            : new ClusterModel(cluster.Config, client);
        _models[(version, isLasting)] = new Models(cluster, model);
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

    /// <summary>A client that waits for the head of an answer for a time, and not for its body.</summary>
    private sealed class UntilAnswered(HttpMessageInvoker inner, TimeSpan patience, TimeProvider time)
        : HttpMessageInvoker(new Through(inner), disposeHandler: false)
    {
        public override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var late = new CancellationTokenSource(patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
            return await inner.SendAsync(request, either.Token);
        }
    }

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
