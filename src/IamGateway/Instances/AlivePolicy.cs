using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>
/// An instance that answers is alive, unless it says itself that it cannot serve (5xx): whatever the path is, a page, a
/// redirect or "not found" will do. Two failures in a row take it out.
/// </summary>
internal sealed class AlivePolicy(IDestinationHealthUpdater updater) : IActiveHealthCheckPolicy
{
    public const string PolicyName = "Alive";
    private const int Threshold = 2;
    private readonly ConditionalWeakTable<DestinationState, StrongBox<int>> _failures = new();

    public string Name => PolicyName;

    public void ProbingCompleted(ClusterState cluster, IReadOnlyList<DestinationProbingResult> probingResults) =>
        updater.SetActive(cluster, [.. probingResults.Select(Judge)]);

    private NewActiveDestinationHealth Judge(DestinationProbingResult probe)
    {
        var failures = _failures.GetOrCreateValue(probe.Destination);
        failures.Value = probe.Response is { } response && (int)response.StatusCode < 500 ? 0 : failures.Value + 1;
        var health = failures.Value switch
        {
            0 => DestinationHealth.Healthy,
            < Threshold => probe.Destination.Health.Active,
            _ => DestinationHealth.Unhealthy,
        };
        return new NewActiveDestinationHealth(probe.Destination, health);
    }
}
