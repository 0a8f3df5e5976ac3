using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;

namespace IamGateway.Tests.Endurance;

/// <summary>Weights change all the time while one replica after the other is restarted, under users.</summary>
public sealed class ChangeTests(RedisServer redis) : IClassFixture<RedisServer>
{
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
        await using var replicas = await ReplicaPair.StartAsync(redis.ConnectionString, instances);
        var users = new KeepAliveUsers(replicas.Balancer.Port);
        await users.MoreAsync(50);
        Assert.True(await TrySetAsync(replicas.Admin(0), 1), "8.3.0 was not activated.");
        using var restarted = new CancellationTokenSource();
        var changes = ChangeAsync(replicas, new Random(seed), restarted.Token);
        for (var n = 0; n < Lengths.Restarts; n++)
        {
            await replicas.RestartAsync(n % 2);
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

    /// <summary>Sets other weights again and again, at whichever replica answers; how often that succeeded.</summary>
    private static async Task<int> ChangeAsync(
        ReplicaPair replicas, Random random, CancellationToken restarted)
    {
        var made = 0;
        for (var n = 0; made < Lengths.WeightChanges || !restarted.IsCancellationRequested; n++)
        {
            if (await TrySetAsync(replicas.Admin(n % 2), random.Next(0, 101)))
                made++;
            await Task.Delay(20, CancellationToken.None);
        }

        return made;
    }

    private static async Task<bool> TrySetAsync(string address, int weight)
    {
        using var admin = new HttpClient { BaseAddress = new Uri(address) };
        admin.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        try
        {
            using var answer = await admin.PutAsJsonAsync("/api/v1/weights", new
            {
                weights = new Dictionary<string, int> { ["8.2.1"] = 100 - weight, ["8.3.0"] = weight },
            });
            return answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            // It is being restarted.
            return false;
        }
    }
}
