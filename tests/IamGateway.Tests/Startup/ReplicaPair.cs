using DemoIam;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Startup;

/// <summary>
/// Two gateways as processes on one Redis, behind a balancer that asks whether they are ready; each can be restarted.
/// </summary>
internal sealed class ReplicaPair : IAsyncDisposable
{
    private readonly (string Proxy, string Admin)[] _addresses =
    [
        .. Enumerable.Range(0, 2).Select(_ => (
            $"http://127.0.0.1:{Ports.Next()}", $"http://127.0.0.1:{Ports.Next()}")),
    ];

    private readonly ServerProcess[] _replicas;
    private readonly DemoIamInstance[] _instances;
    private readonly string _redis;

    private ReplicaPair(DemoIamInstance[] instances, string redis)
    {
        (_instances, _redis) = (instances, redis);
        _replicas = [Start(0), Start(1)];
        Balancer = new Balancer(_addresses);
    }

    public Balancer Balancer { get; }

    public static async Task<ReplicaPair> StartAsync(string redis, params DemoIamInstance[] instances)
    {
        var pair = new ReplicaPair(instances, redis);
        for (var i = 0; i < pair._replicas.Length; i++)
            await pair._replicas[i].UntilReadyAsync(pair._addresses[i].Admin);
        await pair.UntilBalancedAsync();
        return pair;
    }

    public string Admin(int replica) => _addresses[replica].Admin;

    /// <summary>SIGTERM, which must end in exit code 0, then a new process at the same addresses.</summary>
    public async Task RestartAsync(int replica)
    {
        var old = _replicas[replica];
        await old.SignalAsync("TERM");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await old.Process.WaitForExitAsync(patience.Token);
        Assert.True(old.Process.ExitCode == 0, old.Output);
        await old.DisposeAsync();
        _replicas[replica] = Start(replica);
        await _replicas[replica].UntilReadyAsync(_addresses[replica].Admin);
        await UntilBalancedAsync();
    }

    private Task UntilBalancedAsync() => UntilAsync(() => Balancer.IsReady(0) && Balancer.IsReady(1));

    private ServerProcess Start(int replica) => GatewayProcess.Start(Gateway.Arguments(
        _instances, new Dictionary<string, string?>
        {
            ["Kestrel:Endpoints:Proxy:Url"] = _addresses[replica].Proxy,
            ["Kestrel:Endpoints:Admin:Url"] = _addresses[replica].Admin,
            ["ConnectionStrings:Redis"] = _redis,
            ["IamGateway:Versions:Initial"] = "8.2.1",
            ["IamGateway:ShutdownDelay"] = "00:00:02",
        }));

    public async ValueTask DisposeAsync()
    {
        await Balancer.DisposeAsync();
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
    }
}
