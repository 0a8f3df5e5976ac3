using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>
/// The passive health check of the IAM's cluster: an instance that fails several requests in a row is left alone for
/// the cluster's ReactivationPeriod. One that turned out to be of another version is as healthy as before.
/// </summary>
internal sealed class FailuresInARow(IDestinationHealthUpdater health) : IPassiveHealthCheckPolicy
{
    public const string PolicyName = nameof(FailuresInARow);

    /// <summary>So many requests in a row must fail.</summary>
    public const int Limit = 3;

    private static readonly TimeSpan DefaultReactivation = TimeSpan.FromSeconds(2);
    private readonly ConditionalWeakTable<DestinationState, StrongBox<int>> _failures = [];

    public string Name => PolicyName;

    public void RequestProxied(HttpContext context, ClusterState cluster, DestinationState destination)
    {
        if (context.GetForwarderErrorFeature() is not { } error)
        {
            if (_failures.TryGetValue(destination, out var before) && Volatile.Read(ref before.Value) > 0)
                Volatile.Write(ref before.Value, 0);
            return;
        }

        if (!IsOfInstance(error))
            return;
        var failures = _failures.GetOrCreateValue(destination);
        if (Interlocked.Increment(ref failures.Value) < Limit)
            return;
        Volatile.Write(ref failures.Value, 0);
        health.SetPassive(
            cluster, destination, DestinationHealth.Unhealthy,
            cluster.Model.Config.HealthCheck?.Passive?.ReactivationPeriod ?? DefaultReactivation);
    }

    private static bool IsOfInstance(IForwarderErrorFeature error) =>
        error.Error is ForwarderError.Request or ForwarderError.RequestTimedOut
            or ForwarderError.RequestBodyDestination or ForwarderError.ResponseBodyDestination
            or ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination
        && !IsMismatch(error.Exception);

    private static bool IsMismatch(Exception? error) =>
        error is VersionMismatchException || error is not null && IsMismatch(error.InnerException);
}
