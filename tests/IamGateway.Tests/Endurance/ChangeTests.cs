using System.Net;
using System.Net.Http.Json;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Endurance;

/// <summary>Weights change all the time while one replica after the other is restarted, under users.</summary>
public sealed class ChangeTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private readonly (string Proxy, string Admin)[] _addresses =
    [
        .. Enumerable.Range(0, 2).Select(_ => (
            $"http://127.0.0.1:{Ports.Next()}", $"http://127.0.0.1:{Ports.Next()}")),
    ];

    [Fact]
    public async Task Weights_ChangedWhileReplicasAreRestarted_FailNoRequestAndTakeNoSessionBack()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage("seed {0}", seed);
        var state = new MemorySessionState();
        await using var older = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "a" }, state);
        await using var newer = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.3.0", Name = "b" }, state);
        DemoIamInstance[] instances = [older, newer];
        ServerProcess[] replicas = [Start(instances, 0), Start(instances, 1)];
        try
        {
            foreach (var i in (int[])[0, 1])
                await replicas[i].UntilReadyAsync(_addresses[i].Admin);
            await using var balancer = new Balancer(_addresses);
            await UntilAsync(() => balancer.IsReady(0) && balancer.IsReady(1));
            var users = new KeepAliveUsers(balancer.Port);
            await users.MoreAsync(50);
            Assert.True(await TrySetAsync(0, 1), "8.3.0 was not activated.");
            using var restarted = new CancellationTokenSource();
            var changes = ChangeAsync(new Random(seed), restarted.Token);
            for (var n = 0; n < Lengths.Restarts; n++)
            {
                var i = n % 2;
                await replicas[i].SignalAsync("TERM");
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
                await replicas[i].Process.WaitForExitAsync(patience.Token);
                Assert.True(replicas[i].Process.ExitCode == 0, replicas[i].Output);
                await replicas[i].DisposeAsync();
                replicas[i] = Start(instances, i);
                await replicas[i].UntilReadyAsync(_addresses[i].Admin);
                await UntilAsync(() => balancer.IsReady(i) && balancer.IsReady(1 - i));
                await users.MoreAsync(20);
            }

            await restarted.CancelAsync();
            var made = await changes;
            await users.StopAsync();
            foreach (var instance in instances)
                await instance.DisposeAsync();
            var verdict = HistoryJudge.Judge(instances.SelectMany(i => i.History));

            var summary = $"seed {seed}: {made} changes of weights, {Lengths.Restarts} restarts, {users.Answers} "
                + $"requests, {users.Failures.Count} failed; {verdict}";
            TestContext.Current.SendDiagnosticMessage("{0}", summary);
            Assert.True(users.Failures.Count == 0, $"{summary}\n{string.Join('\n', users.Failures.Take(50))}");
            Assert.True(verdict.IsClean && verdict.Sessions >= KeepAliveUsers.Count && verdict.Migrations > 0, summary);
            Assert.All(instances, i => Assert.Equal((0, 0), (i.OlderVersionRequests, i.HistoryDropped)));
            Assert.True(made >= Lengths.WeightChanges, summary);
        }
        finally
        {
            foreach (var replica in replicas)
                await replica.DisposeAsync();
        }
    }

    private ServerProcess Start(DemoIamInstance[] instances, int replica) => GatewayProcess.Start(Gateway.Arguments(
        instances, new Dictionary<string, string?>
        {
            ["Kestrel:Endpoints:Proxy:Url"] = _addresses[replica].Proxy,
            ["Kestrel:Endpoints:Admin:Url"] = _addresses[replica].Admin,
            ["ConnectionStrings:Redis"] = redis.ConnectionString,
            ["IamGateway:Versions:Initial"] = "8.2.1",
            ["IamGateway:ShutdownDelay"] = "00:00:02",
        }));

    /// <summary>Sets other weights again and again, at whichever replica answers; how often that succeeded.</summary>
    private async Task<int> ChangeAsync(Random random, CancellationToken restarted)
    {
        var made = 0;
        for (var n = 0; made < Lengths.WeightChanges || !restarted.IsCancellationRequested; n++)
        {
            if (await TrySetAsync(n % 2, random.Next(0, 101)))
                made++;
            await Task.Delay(20, CancellationToken.None);
        }

        return made;
    }

    private async Task<bool> TrySetAsync(int replica, int weight)
    {
        using var admin = new HttpClient { BaseAddress = new Uri(_addresses[replica].Admin) };
        admin.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        try
        {
            using var answer = await admin.PutAsJsonAsync("/api/v1/weights", new
            {
                weights = new Dictionary<string, int> { ["8.2.1"] = 100 - weight, ["8.3.0"] = weight },
            });
            return answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted;
        }
        catch (HttpRequestException)
        {
            // It is being restarted.
            return false;
        }
    }
}
