using System.Diagnostics;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// Three primaries without replicas. No FLUSHALL: it keeps the run id, and on a Cluster nothing else tells a script on
/// another shard than the routing state's, so that it is noticed within a second only (a documented limit).
/// </summary>
internal sealed class ClusterStore : ChaosStore
{
    private readonly RedisNode[] _nodes =
    [
        .. Enumerable.Range(0, 3).Select(_ => new RedisNode(
            "redis-server", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
            "--cluster-require-full-coverage", "no")),
    ];

    public override async Task StartAsync()
    {
        foreach (var node in _nodes)
            await node.StartAsync();
        using var create = Process.Start(
            new ProcessStartInfo(
                "redis-cli", ["--cluster", "create", .. _nodes.Select(n => $"127.0.0.1:{n.Port}"), "--cluster-yes"])
            {
                RedirectStandardOutput = true,
            })!;
        await create.StandardOutput.ReadToEndAsync();
        await create.WaitForExitAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        foreach (var node in _nodes)
        {
            while (!(await node.SayAsync("CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal))
                await Task.Delay(50, patience.Token);
            await node.KeepSnapshotAsync();
        }
    }

    public override string ConnectionString(int replica) => string.Join(',', _nodes.Select(n => $"127.0.0.1:{n.Port}"));

    public override IReadOnlyList<Fault> Faults =>
    [
        new("a master killed, back empty", r => Any(r).RestartEmptyAsync(Between(r, 0, 1500))),
        new("a master killed, back from snapshot", FromSnapshotAsync),
        new("a master paused", PauseAsync),
    ];

    private RedisNode Any(Random random) => _nodes[random.Next(_nodes.Length)];

    private async Task FromSnapshotAsync(Random random)
    {
        var node = Any(random);
        await node.KeepSnapshotAsync();
        await Task.Delay(Between(random, 100, 1500));
        await node.RestartFromSnapshotAsync(Between(random, 0, 800));
    }

    private async Task PauseAsync(Random random)
    {
        var node = Any(random);
        await node.SignalAsync("STOP");
        await Task.Delay(Between(random, 100, 1500));
        await node.SignalAsync("CONT");
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }
}
