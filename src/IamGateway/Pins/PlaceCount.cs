namespace IamGateway.Pins;

/// <summary>How many sessions live on which instance.</summary>
/// <param name="ByInstance">Instances without a session are left out.</param>
/// <param name="BegunAt">Timestamp from before the first one was counted.</param>
internal sealed record PlaceCount(IReadOnlyDictionary<string, long> ByInstance, long BegunAt)
{
    public long Of(string instance) => ByInstance.GetValueOrDefault(instance);
}
