namespace IamGateway.Bench.Load;

/// <summary>What the clients of one window saw.</summary>
internal sealed record Outcome(long Requests, TimeSpan Time, TimeSpan P50, TimeSpan P99, TimeSpan P999, long Errors)
{
    public double PerSecond => Requests / Time.TotalSeconds;
}
