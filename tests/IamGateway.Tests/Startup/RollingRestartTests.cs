using System.Collections.Concurrent;
using System.Net.Sockets;
using DemoIam;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Startup;

/// <summary>
/// Both replicas are restarted one after the other, behind a balancer that asks whether they are ready.
/// </summary>
public sealed class RollingRestartTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private const int Clients = 12;
    private readonly (string Proxy, string Admin)[] _addresses =
    [
        .. Enumerable.Range(0, 2).Select(_ => (
            $"http://127.0.0.1:{Ports.Next()}", $"http://127.0.0.1:{Ports.Next()}")),
    ];

    private readonly ConcurrentQueue<string> _failures = new();
    private long _answers;

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
            using var stop = new CancellationTokenSource();
            var clients = Enumerable.Range(0, Clients)
                .Select(n => UseAsync(n, balancer.Port, stop.Token)).ToArray();
            await MoreAsync(200);
            foreach (var i in (int[])[0, 1])
            {
                var before = balancer.Connections(i);
                await replicas[i].SignalAsync("TERM");
                await EndsAsync(replicas[i]);
                replicas[i] = Start(iam, i);
                await replicas[i].UntilReadyAsync(_addresses[i].Admin);
                await UntilAsync(() => balancer.IsReady(i) && balancer.IsReady(1 - i));
                await MoreAsync(100);
                Assert.True(before > 0, "Nothing had gone through the replica that was restarted.");
            }

            await stop.CancelAsync();
            var closed = await Task.WhenAll(clients);

            Assert.Empty(_failures);
            Assert.True(closed.Sum() >= Clients, "Clients were not told to give their connections up.");
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

    /// <summary>
    /// Requests, some slow and some with a body, as a user sends them; how many connections were given up.
    /// </summary>
    private async Task<int> UseAsync(int number, int port, CancellationToken stop)
    {
        using var client = new KeepAliveClient(port);
        string? cookie = null;
        for (var i = number; !stop.IsCancellationRequested; i++)
        {
            var (method, path, body) = (i % 5) switch
            {
                0 => ("GET", "/slow?ms=700", ""),
                1 => ("POST", "/echo", new string('x', 5_000)),
                _ => ("GET", "/slow?ms=20", ""),
            };
            try
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
                var (status, set) = await client.SendAsync(method, path, cookie, body, patience.Token);
                cookie = set ?? cookie;
                if (status != 200)
                    _failures.Enqueue($"{method} {path}: {status}");
                Interlocked.Increment(ref _answers);
                // Users read: so a connection may lie idle just when the listener closes.
                await Task.Delay(i % 4 * 150, CancellationToken.None);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                _failures.Enqueue($"{method} {path}: {e.Message}");
                client.Dispose();
            }
        }

        return client.Closed;
    }

    private Task MoreAsync(int answers)
    {
        var target = Interlocked.Read(ref _answers) + answers;
        return UntilAsync(() => Interlocked.Read(ref _answers) >= target);
    }

    private static async Task EndsAsync(ServerProcess process)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await process.Process.WaitForExitAsync(patience.Token);
        Assert.True(process.Process.ExitCode == 0, process.Output);
        await process.DisposeAsync();
    }
}
