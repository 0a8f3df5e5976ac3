using System.Net.Sockets;
using DemoIam;
using IamGateway.Routing;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Routing;

public sealed class FlushedStoreTests(RedisServer redis) : IClassFixture<RedisServer>
{
    [Fact]
    public async Task Flush_TwoGatewaysInARollout_StateAndRegistryArePutBack()
    {
        var state = new MemorySessionState();
        await using var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var @new = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        var settings = new Dictionary<string, string?> { ["ConnectionStrings:Redis"] = redis.ConnectionString };
        await using var one = await Gateway.StartAsync([old, @new], settings);
        await using var two = await Gateway.StartAsync([old, @new], settings);
        await one.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        var before = two.Service<Replica>().View.State;
        Assert.Equal(RoutingPhase.Active, before.Phase);

        await FlushAsync();

        foreach (var gateway in new[] { one, two })
        {
            var replica = gateway.Service<Replica>();
            Assert.True(await replica.WaitForAsync(
                s => s.Generation.Tag != before.Generation.Tag && s.Replicas.Length == 2 && s.GenerationAcknowledged,
                TimeSpan.FromSeconds(20)));
            Assert.Equal(RoutingPhase.Active, replica.View.State.Phase);
            Assert.True(replica.View.State.Continues(before));
        }
    }

    private async Task FlushAsync()
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", redis.Port);
        await client.GetStream().WriteAsync("FLUSHALL\r\n"u8.ToArray());
        var answer = new byte[5];
        await client.GetStream().ReadExactlyAsync(answer);
        Assert.Equal("+OK\r\n"u8.ToArray(), answer);
    }
}
