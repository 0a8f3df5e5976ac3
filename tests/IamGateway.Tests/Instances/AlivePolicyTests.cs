using System.Net;
using IamGateway.Instances;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Tests.Instances;

public sealed class AlivePolicyTests : IDestinationHealthUpdater
{
    private readonly ClusterState _cluster = new("iam");
    private readonly DestinationState _instance = new("a");

    [Theory]
    [InlineData(200)]
    [InlineData(302)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(499)]
    public void Probe_AnyAnswerThatIsNoServerError_IsHealthyAtOnce(int status)
    {
        Probe(new AlivePolicy(this), status);

        Assert.Equal(DestinationHealth.Healthy, _instance.Health.Active);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(null)]
    public void Probe_ServerErrorOrNoAnswer_IsUnhealthyTheSecondTimeInARow(int? status)
    {
        var policy = new AlivePolicy(this);
        Probe(policy, status);
        Assert.Equal(DestinationHealth.Unknown, _instance.Health.Active);
        Probe(policy, 200);
        Probe(policy, status);
        Assert.Equal(DestinationHealth.Healthy, _instance.Health.Active);

        Probe(policy, status);
        Assert.Equal(DestinationHealth.Unhealthy, _instance.Health.Active);

        Probe(policy, 200);
        Assert.Equal(DestinationHealth.Healthy, _instance.Health.Active);
    }

    private void Probe(AlivePolicy policy, int? status)
    {
        using var response = status is { } code ? new HttpResponseMessage((HttpStatusCode)code) : null;
        var error = response is null ? new HttpRequestException() : null;
        policy.ProbingCompleted(_cluster, [new DestinationProbingResult(_instance, response, error)]);
    }

    void IDestinationHealthUpdater.SetActive(
        ClusterState cluster, IEnumerable<NewActiveDestinationHealth> newHealthStates)
    {
        foreach (var state in newHealthStates)
            state.Destination.Health.Active = state.NewActiveHealth;
    }

    void IDestinationHealthUpdater.SetPassive(
        ClusterState cluster, DestinationState destination, DestinationHealth newHealth, TimeSpan reactivationPeriod) =>
        throw new NotSupportedException();
}
