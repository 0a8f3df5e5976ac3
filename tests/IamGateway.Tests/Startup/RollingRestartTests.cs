using DemoIam;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Startup;

/// <summary>
/// Both replicas are restarted one after the other, behind a balancer that asks whether they are ready.
/// </summary>
public sealed class RollingRestartTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private readonly (string Proxy, string Admin)[] _addresses =
    [
        .. Enumerable.Range(0, 2).Select(_ => (
            $"http://127.0.0.1:{Ports.Next()}", $"http://127.0.0.1:{Ports.Next()}")),
    ];

    [Fact]
    public async Task RollingRestart_ClientsThatKeepConnectionsAndRepeatNothing_SeeNoFailedRequest()
    {
        await using var iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "a" }, new MemorySessionState());
        ServerProcess[] replicas = [Start(iam, 0), Start(iam, 1)];
        try
        {
            foreach (var i in (int[])[0, 1])
                await replicas[i].UntilReadyAsync(_addresses[i].Admin);
            await using var balancer = new Balancer(_addresses);
            await UntilAsync(() => balancer.IsReady(0) && balancer.IsReady(1));
            var users = new KeepAliveUsers(balancer.Port);
            await users.MoreAsync(200);
            foreach (var i in (int[])[0, 1])
            {
                var before = balancer.Connections(i);
                await replicas[i].SignalAsync("TERM");
                await EndsAsync(replicas[i]);
                replicas[i] = Start(iam, i);
                await replicas[i].UntilReadyAsync(_addresses[i].Admin);
                await UntilAsync(() => balancer.IsReady(i) && balancer.IsReady(1 - i));
                await users.MoreAsync(100);
                Assert.True(before > 0, "Nothing had gone through the replica that was restarted.");
            }

            var closed = await users.StopAsync();

            Assert.Empty(users.Failures);
            Assert.True(closed >= KeepAliveUsers.Count, "Clients were not told to give their connections up.");
            Assert.Equal(0, iam.OlderVersionRequests);
        }
        finally
        {
            foreach (var replica in replicas)
                await replica.DisposeAsync();
        }
    }

    private ServerProcess Start(DemoIamInstance iam, int replica) => GatewayProcess.Start(Gateway.Arguments(
        [iam], new Dictionary<string, string?>
        {
            ["Kestrel:Endpoints:Proxy:Url"] = _addresses[replica].Proxy,
            ["Kestrel:Endpoints:Admin:Url"] = _addresses[replica].Admin,
            ["ConnectionStrings:Redis"] = redis.ConnectionString,
            ["IamGateway:ShutdownDelay"] = "00:00:02",
        }));

    private static async Task EndsAsync(ServerProcess process)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await process.Process.WaitForExitAsync(patience.Token);
        Assert.True(process.Process.ExitCode == 0, process.Output);
        await process.DisposeAsync();
    }
}
