namespace IamGateway.Tests.Chaos;

/// <summary>
/// A primary, two replicas and three sentinels, configured as the documentation asks (min-replicas-to-write).
/// </summary>
internal sealed class SentinelStore : ChaosStore
{
    private const string Name = "iam";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    // An isolated primary refuses writes after at most two seconds; it is replaced after more than that.
    private static readonly string[] Arguments =
    [
        "--min-replicas-to-write", "1", "--min-replicas-max-lag", "1", "--repl-diskless-sync-delay", "0",
        "--repl-ping-replica-period", "1",
    ];

    private readonly RedisNode[] _nodes =
        [.. Enumerable.Range(0, 3).Select(_ => new RedisNode("redis-server", Arguments))];

    private readonly List<RedisNode> _sentinels = [];

    public override async Task StartAsync()
    {
        await _nodes[0].StartAsync();
        for (var i = 1; i < _nodes.Length; i++)
            await _nodes[i].StartAsync("--replicaof", "127.0.0.1", $"{_nodes[0].Port}");
        for (var i = 0; i < 3; i++)
        {
            var sentinel = new RedisNode(
                "redis-sentinel",
                $"sentinel monitor {Name} 127.0.0.1 {_nodes[0].Port} 2",
                $"sentinel down-after-milliseconds {Name} 2500",
                $"sentinel failover-timeout {Name} 6000",
                $"sentinel parallel-syncs {Name} 2");
            _sentinels.Add(sentinel);
            await sentinel.StartAsync();
        }

        await UntilAsync(async () =>
            (await _sentinels[0].TrySayAsync("SENTINEL", "CKQUORUM", Name)).StartsWith("OK 3", StringComparison.Ordinal)
            && await IsWholeAsync());
    }

    public override string ConnectionString(int replica) =>
        string.Join(',', _sentinels.Select(s => $"127.0.0.1:{s.Port}")) + $",serviceName={Name}";

    public override IReadOnlyList<Fault> Faults =>
    [
        new("fail-over, writes lost", LoseWritesAsync),
        new("fail-over, writes lost", LoseWritesAsync),
        new("fail-over, former primary comes back", IsolateAsync),
        new("primary killed, back empty", async r => await AfterwardsAsync(
            (await PrimaryAsync()).RestartEmptyAsync(Between(r, 0, 500)))),
        new("flushall", async _ => await (await PrimaryAsync()).SayAsync("FLUSHALL")),
        new(
            "fail-over by command",
            async _ => await AfterwardsAsync(_sentinels[0].TrySayAsync("SENTINEL", "FAILOVER", Name))),
        new("store paused", PauseAsync),
    ];

    private async Task LoseWritesAsync(Random random)
    {
        var primary = await PrimaryAsync();
        var others = _nodes.Where(n => n != primary).ToArray();
        var deaf = await Task.WhenAll(others.Select(n => n.StopHearingAsync()));
        await Task.Delay(Between(random, 200, 1200));
        await primary.KillAsync();
        foreach (var node in others)
            await node.SignalAsync("CONT");
        await UntilAsync(async () => await PrimaryAsync() != primary);
        foreach (var connection in deaf)
            connection.Dispose();
        await primary.StartAsync();
        await UntilAsync(IsWholeAsync);
    }

    private async Task IsolateAsync(Random random)
    {
        var primary = await PrimaryAsync();
        await primary.SignalAsync("STOP");
        await UntilAsync(async () => await PrimaryAsync() != primary);
        await Task.Delay(Between(random, 0, 500));
        await primary.SignalAsync("CONT");
        await UntilAsync(IsWholeAsync);
    }

    private async Task PauseAsync(Random random)
    {
        var primary = await PrimaryAsync();
        await primary.SignalAsync("STOP");
        await Task.Delay(Between(random, 100, 1500));
        await primary.SignalAsync("CONT");
    }

    private async Task AfterwardsAsync(Task fault)
    {
        await fault;
        await UntilAsync(IsWholeAsync);
    }

    private async Task<RedisNode> PrimaryAsync()
    {
        var answer = await _sentinels[0].SayAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Name);
        var port = int.Parse(answer.Split('\n')[1]);
        return _nodes.First(n => n.Port == port);
    }

    private async Task<bool> IsWholeAsync()
    {
        var primary = await PrimaryAsync();
        var info = await primary.TrySayAsync("INFO", "replication");
        return info.Contains("role:master", StringComparison.Ordinal)
            && info.Contains("min_slaves_good_slaves:2", StringComparison.Ordinal);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
            await Task.Delay(100, patience.Token);
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var node in _sentinels.Concat(_nodes))
            await node.DisposeAsync();
    }
}
