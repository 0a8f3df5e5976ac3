using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// One redis-server; each replica of the gateway reaches it through a network of its own that can be cut.
/// </summary>
internal sealed class StandaloneStore : ChaosStore
{
    public const int MaxReplicas = 3;
    private readonly RedisNode _node = new("redis-server");
    private readonly List<TcpProxy> _networks = [];

    public override async Task StartAsync()
    {
        await _node.StartAsync();
        await _node.KeepSnapshotAsync();
        for (var i = 0; i < MaxReplicas; i++)
            _networks.Add(new TcpProxy(_node.Port));
    }

    public override string ConnectionString(int replica) => $"127.0.0.1:{_networks[replica].Port}";

    public override IReadOnlyList<Fault> Faults =>
    [
        new("flushall", _ => _node.SayAsync("FLUSHALL")),
        new("store killed, back empty", r => _node.RestartEmptyAsync(Between(r, 0, 1500))),
        new("store killed, back from snapshot", FromSnapshotAsync),
        new("store killed, back from snapshot", FromSnapshotAsync),
        new("store paused", PauseAsync),
        new("network of a replica cut", CutAsync),
        new("network of a replica cut", CutAsync),
    ];

    private async Task FromSnapshotAsync(Random random)
    {
        await _node.KeepSnapshotAsync();
        await Task.Delay(Between(random, 100, 1500));
        await _node.RestartFromSnapshotAsync(Between(random, 0, 800));
    }

    private async Task PauseAsync(Random random)
    {
        await _node.SignalAsync("STOP");
        await Task.Delay(Between(random, 100, 2000));
        await _node.SignalAsync("CONT");
    }

    private async Task CutAsync(Random random)
    {
        var network = _networks[random.Next(_networks.Count)];
        network.Cut();
        await Task.Delay(Between(random, 200, 2500));
        network.Heal();
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var network in _networks)
            await network.DisposeAsync();
        await _node.DisposeAsync();
    }
}
