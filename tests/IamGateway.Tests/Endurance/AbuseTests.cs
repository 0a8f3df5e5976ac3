using System.Globalization;
using System.Net.Sockets;
using System.Text;
using DemoIam;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Endurance;

/// <summary>
/// Users go on beside clients that send slowly, break off, flood with new and with invented sessions and with headers
/// that are too large, while the store is killed and started again.
/// </summary>
public sealed class AbuseTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private const int Rate = 20;
    private readonly string _proxy = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _admin = $"http://127.0.0.1:{Ports.Next()}";
    private readonly Dictionary<int, long> _answers = [];
    private long _slow;
    private long _reset;

    private int Port => new Uri(_proxy).Port;

    [Fact]
    public async Task Abuse_BesideUsers_FailsNoneOfTheirRequestsAndLeavesMemoryFlat()
    {
        await using var iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "a" }, new MemorySessionState());
        await using var gateway = GatewayProcess.Start(Gateway.Arguments([iam], new Dictionary<string, string?>
        {
            ["Kestrel:Endpoints:Proxy:Url"] = _proxy,
            ["Kestrel:Endpoints:Admin:Url"] = _admin,
            ["ConnectionStrings:Redis"] = redis.ConnectionString,
            // So that each names its client by itself; all of them are on this machine.
            ["IamGateway:Edge:TrustedNetworks:0"] = "127.0.0.0/8",
            ["IamGateway:Limits:NewSessionsPerClient"] = $"{Rate}",
            ["IamGateway:Limits:HeadersTimeout"] = "00:00:02",
            ["IamGateway:Store:CachedNames"] = "20000",
        }));
        await gateway.UntilReadyAsync(_admin);
        var users = new KeepAliveUsers(Port, n => $"X-Forwarded-For: 198.51.100.{n}\r\n");
        await users.MoreAsync(KeepAliveUsers.Count);
        await using var load = Lengths.AbuseLoad == 0 ? null : await SteadyLoad.StartAsync(Port, Lengths.AbuseLoad);
        using var stop = new CancellationTokenSource(Lengths.Abuse);
        Task[] abusers =
        [
            .. Repeat(4, () => FloodAsync(_ => "", stop.Token)),
            .. Repeat(4, () => FloodAsync(_ => $"Cookie: {InventedSession()}\r\n", stop.Token)),
            .. Repeat(2, () => FloodAsync(_ => $"X-Large: {new string('x', 20_000)}\r\n", stop.Token)),
            .. Repeat(20, () => SlowAsync(stop.Token)),
            .. Repeat(4, () => ResetAsync(stop.Token)),
        ];
        await Task.Delay(Lengths.Abuse / 3, CancellationToken.None);
        var before = WorkingSet(gateway);
        await redis.KillAsync();
        await users.MoreAsync(30);
        await redis.StartAsync();
        await Task.WhenAll(abusers);
        var after = WorkingSet(gateway);
        await users.MoreAsync(KeepAliveUsers.Count);
        await users.StopAsync();
        var loaded = load is null ? "" : await load.StopAsync();

        var summary = $"{users.Answers} requests of users, {users.Failures.Count} failed; answers to the others: "
            + string.Join(", ", _answers.OrderBy(a => a.Key).Select(a => $"{a.Key}: {a.Value}"))
            + $"; {_slow} slow connections ended, {_reset} reset; working set {before >> 20} MB after a third, "
            + $"{after >> 20} MB at the end{loaded}";
        TestContext.Current.SendDiagnosticMessage("{0}", summary);
        Assert.True(users.Failures.Count == 0, $"{summary}\n{string.Join('\n', users.Failures.Take(50))}");
        Assert.True(load?.IsClean != false, summary);
        Assert.True(_answers.GetValueOrDefault(429) > 0 && _answers.GetValueOrDefault(431) > 0, summary);
        Assert.True(_slow > 0 && _reset > 0, summary);
        Assert.True(after < before * 3 / 2 + (64 << 20), summary);
        Assert.False(gateway.Process.HasExited, gateway.Output);
        await UntilAsync(async () => await GatewayProcess.ReadyAsync(_admin) == 200);
    }

    private static IEnumerable<Task> Repeat(int times, Func<Task> start) =>
        Enumerable.Range(0, times).Select(_ => Task.Run(start));

    // Most of them are refused, so that nothing else would learn them.
    private static string InventedSession()
    {
        var cookie = $"IAM_SESSION={Guid.NewGuid():N}";
        OutputWatch.Current?.Places.Header("Cookie", cookie);
        return cookie;
    }

    private static long WorkingSet(ServerProcess gateway)
    {
        gateway.Process.Refresh();
        return gateway.Process.WorkingSet64;
    }

    /// <summary>As many requests as one connection takes, all of one client.</summary>
    private async Task FloodAsync(Func<int, string> headers, CancellationToken stop)
    {
        for (var n = 0; !stop.IsCancellationRequested; n++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync("127.0.0.1", Port, stop);
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                    $"GET /api/me HTTP/1.1\r\nHost: iam\r\nX-Forwarded-For: 203.0.113.1\r\nConnection: close\r\n"
                    + $"{headers(n)}\r\n"), stop);
                using var reader = new StreamReader(client.GetStream());
                if (await reader.ReadLineAsync(stop) is { Length: > 12 } line)
                    Count(int.Parse(line.AsSpan(9, 3), CultureInfo.InvariantCulture));
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // It was cut off, which it deserves.
            }
        }
    }

    private void Count(int status)
    {
        lock (_answers)
            _answers[status] = _answers.GetValueOrDefault(status) + 1;
    }

    /// <summary>A header line now and then, until the gateway has enough of it (slowloris).</summary>
    private async Task SlowAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync("127.0.0.1", Port, stop);
                await client.GetStream().WriteAsync("GET /api/me HTTP/1.1\r\nHost: iam\r\n"u8.ToArray(), stop);
                for (var n = 0; ; n++)
                {
                    var ended = client.GetStream().ReadAtLeastAsync(new byte[1], 1, false, stop).AsTask();
                    if (await Task.WhenAny(ended, Task.Delay(300, stop)) == ended)
                        break;
                    await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"X-{n}: slow\r\n"), stop);
                }

                Interlocked.Increment(ref _slow);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                if (!stop.IsCancellationRequested)
                    Interlocked.Increment(ref _slow);
            }
        }
    }

    /// <summary>A request whose connection is reset before its answer is there.</summary>
    private async Task ResetAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var client = new TcpClient { LingerState = new LingerOption(true, 0) };
                await client.ConnectAsync("127.0.0.1", Port, stop);
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                    $"GET /slow?ms=50 HTTP/1.1\r\nHost: iam\r\nX-Forwarded-For: 203.0.113.2\r\n\r\n"), stop);
                await Task.Delay(10, stop);
                Interlocked.Increment(ref _reset);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // It goes on.
            }
        }
    }
}
