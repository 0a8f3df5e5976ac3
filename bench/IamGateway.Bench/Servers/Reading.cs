namespace IamGateway.Bench.Servers;

/// <summary>What a subject has used so far.</summary>
internal sealed record Reading(
    TimeSpan ProxyCpu, TimeSpan RedisCpu, long? Allocated, long RedisCalls, long WorkingSet);
