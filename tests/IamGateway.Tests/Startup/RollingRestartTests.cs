using DemoIam;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>
/// Both replicas are restarted one after the other, behind a balancer that asks whether they are ready.
/// </summary>
public sealed class RollingRestartTests(RedisServer redis) : IClassFixture<RedisServer>
{
    [Fact]
    public async Task RollingRestart_ClientsThatKeepConnectionsAndRepeatNothing_SeeNoFailedRequest()
    {
        await using var iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "a" }, new MemorySessionState());
        await using var replicas = await ReplicaPair.StartAsync(redis.ConnectionString, iam);
        var users = new KeepAliveUsers(replicas.Balancer.Port);
        await users.MoreAsync(200);
        foreach (var i in (int[])[0, 1])
        {
            var before = replicas.Balancer.Connections(i);
            await replicas.RestartAsync(i);
            await users.MoreAsync(100);
            Assert.True(before > 0, "Nothing had gone through the replica that was restarted.");
        }

        var closed = await users.StopAsync();

        Assert.Empty(users.Failures);
        Assert.True(closed >= KeepAliveUsers.Count, "Clients were not told to give their connections up.");
        Assert.Equal(0, iam.OlderVersionRequests);
    }
}
