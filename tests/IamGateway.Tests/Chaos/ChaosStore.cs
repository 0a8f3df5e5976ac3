namespace IamGateway.Tests.Chaos;

/// <summary>A fault: what it is called in the report, and what it does until it is over.</summary>
internal sealed record Fault(string Name, Func<Random, Task> RunAsync);

/// <summary>A kind of store, with the faults that it can have.</summary>
internal abstract class ChaosStore : IAsyncDisposable
{
    public abstract Task StartAsync();

    /// <summary>As <c>ConnectionStrings:Redis</c> of one replica of the gateway.</summary>
    public abstract string ConnectionString(int replica);

    public abstract IReadOnlyList<Fault> Faults { get; }

    public abstract ValueTask DisposeAsync();

    public static ChaosStore Of(string kind) => kind switch
    {
        "standalone" => new StandaloneStore(),
        "sentinel" => new SentinelStore(),
        "cluster" => new ClusterStore(),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    protected static TimeSpan Between(Random random, int low, int high) =>
        TimeSpan.FromMilliseconds(random.Next(low, high));
}
