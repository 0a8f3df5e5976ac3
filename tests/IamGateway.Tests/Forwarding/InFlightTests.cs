using CsCheck;
using IamGateway.Forwarding;

namespace IamGateway.Tests.Forwarding;

public sealed class InFlightTests
{
    [Fact]
    public void Snapshot_AnyAddsAndRemoves_HoldsWhatIsLeft() => Gen.Int[-1, 30].Array[0, 200].Sample(steps =>
    {
        var inFlight = new InFlight();
        var left = new List<GatewayRequest>();
        foreach (var step in steps)
        {
            if (step < 0 || step >= left.Count)
            {
                left.Add(inFlight.Add());
                continue;
            }

            inFlight.Remove(left[step]);
            left.RemoveAt(step);
        }

        Assert.Equal(left.Count, inFlight.Count);
        Assert.Equal(left.Select(r => r.Number).Order(), inFlight.Snapshot().Select(r => r.Number).Order());
    });

    [Fact]
    public void Remove_Twice_TakesNothingElseOut()
    {
        var inFlight = new InFlight();
        GatewayRequest[] requests = [inFlight.Add(), inFlight.Add(), inFlight.Add()];
        foreach (var request in requests[..2])
        {
            inFlight.Remove(request);
            inFlight.Remove(request);
        }

        Assert.Same(requests[2], Assert.Single(inFlight.Snapshot()));
        Assert.Equal(1, inFlight.Count);
        inFlight.Remove(requests[2]);
        inFlight.Remove(requests[2]);
        Assert.Equal(0, inFlight.Count);
    }

    [Fact]
    public void AddAndRemove_FromManyThreads_NumbersAreUniqueAndNothingIsLeft()
    {
        var inFlight = new InFlight();
        var numbers = new long[50_000];
        Parallel.For(0, numbers.Length, i =>
        {
            var request = inFlight.Add();
            numbers[i] = request.Number;
            Assert.Contains(request, inFlight.Snapshot());
            inFlight.Remove(request);
        });

        Assert.Equal(numbers.Length, numbers.Distinct().Count());
        Assert.Equal(0, inFlight.Count);
        Assert.Empty(inFlight.Snapshot());
    }
}
