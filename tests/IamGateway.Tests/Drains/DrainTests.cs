using System.Net.WebSockets;
using System.Text.Json;
using IamGateway.Tests.Admin;
using static IamGateway.Tests.Drains.DrainSite;

namespace IamGateway.Tests.Drains;

/// <summary>What drain says of an instance that two replicas send to.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task Drain_SlowRequestsOnBothReplicas_IsDrainedWhenTheLastOfBothHasEnded()
    {
        await using var site = await StartAsync();
        var (first, second) = (site.GetAsync(site.A, "/?gate=1"), site.GetAsync(site.B, "/?gate=2"));
        Assert.Equal(["a", "a"], [await site.BegunAsync("1"), await site.BegunAsync("2")]);

        var (status, draining) = await PostAsync(site.A, "a/drain");
        await site.AgreeAsync();
        var both = await UntilAsync(site.A, "a", i => Waiting(i).Length == 0);

        Assert.Equal((200, "draining"), (status, draining.Text("state")));
        Assert.Equal((2, 2, 0), (InFlight(both), Left(both, "inFlight"), Left(both, "connections")));
        Assert.Equal("b", await site.GetAsync(site.A, "/"));
        Assert.Equal("b", await site.GetAsync(site.B, "/"));
        site.Open("1");
        Assert.Equal("a", await first);
        await UntilAsync(site.B, "a", i => InFlight(i) == 1 && Waiting(i).Length == 0);
        var one = await UntilAsync(site.A, "a", i => InFlight(i) == 1);
        Assert.Equal("draining", one.Text("state"));
        Assert.Equal(1, await StateMetricAsync(site.A, "a", "draining"));
        site.Open("2");
        Assert.Equal("a", await second);
        foreach (var gateway in (Servers.Gateway[])[site.A, site.B])
        {
            await UntilAsync(gateway, "a", i => i.Text("state") == "drained");
            Assert.Equal(1, await StateMetricAsync(gateway, "a", "drained"));
            Assert.Equal(0, await StateMetricAsync(gateway, "a", "draining"));
        }
    }

    [Fact]
    public async Task Drain_WebSocketsOnBothReplicas_AreWaitedFor()
    {
        await using var site = await StartAsync(("IamGateway:Drain:CloseWithin", "01:00:00"));
        using var first = await ConnectAsync(site.A);
        using var second = await ConnectAsync(site.B);
        // Each is known to be open where it leads through.
        await UntilAsync(site.A, "a", i => InFlight(i) == 2);
        await PostAsync(site.A, "a/drain");

        var both = await UntilAsync(site.A, "a", i => Left(i, "connections") == 2 && Waiting(i).Length == 0);
        await first.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        var one = await UntilAsync(site.A, "a", i => Left(i, "connections") == 1);
        await second.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        Assert.Equal(("draining", "draining"), (both.Text("state"), one.Text("state")));
        await UntilAsync(site.A, "a", i => i.Text("state") == "drained");
    }

    [Fact]
    public async Task Drain_WithWait_AnswersWhenTheWebSocketsWereClosed()
    {
        await using var site = await StartAsync(("IamGateway:Drain:CloseWithin", "00:00:00"));
        using var socket = await ConnectAsync(site.B);
        await UntilAsync(site.B, "a", i => InFlight(i) == 1);
        var drain = PostAsync(site.A, "a/drain?wait=60");

        var end = await socket.ReceiveAsync(new byte[64], CancellationToken.None);
        Assert.False(drain.IsCompleted);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        var (status, instance) = await drain;

        Assert.Equal((1012, 200, "drained"), ((int)end.CloseStatus!, status, instance.Text("state")));
    }

    [Fact]
    public async Task Drain_WithWait_AnswersWhenTheOtherReplicasRequestHasEnded()
    {
        await using var site = await StartAsync();
        var slow = site.GetAsync(site.B, "/?gate=1");
        await site.BegunAsync("1");

        var (early, left) = await PostAsync(site.A, "a/drain?wait=1");
        var drain = PostAsync(site.A, "a/drain?wait=60");
        await UntilAsync(site.A, "a", i => InFlight(i) == 1 && Waiting(i).Length == 0);
        Assert.False(drain.IsCompleted);
        site.Open("1");
        var (status, instance) = await drain;

        Assert.Equal((202, "draining"), (early, left.Text("state")));
        Assert.Equal((200, "drained"), (status, instance.Text("state")));
        Assert.Equal("a", await slow);
    }

    /// <summary>
    /// Fault: a request that had waited at the barrier was sent to an instance that was drained, and said to be free of
    /// requests, meanwhile.
    /// </summary>
    [Fact]
    public async Task Drain_WhileARequestWaitsToBeSent_KeepsItAway()
    {
        await using var site = await StartAsync();
        await site.GetAsync(site.A, "/?set=mine");
        await site.ActivateAsync();
        await PostAsync(site.A, "b/drain");
        var slow = site.GetAsync(site.A, "/?gate=1", "mine");
        Assert.Equal("a", await site.BegunAsync("1"));
        // Without an instance of its version the session has to move, and waits for its slow request.
        await PostAsync(site.A, "a/drain");
        var waiting = site.GetAsync(site.A, "/?gate=2", "mine");
        await WaitsAtTheBarrierAsync(site);

        await PostAsync(site.A, "c/drain");
        await UntilAsync(site.A, "c", i => i.Text("state") == "drained");
        site.Open("1");
        site.Open("2");

        Assert.Equal("a", await slow);
        Assert.Equal("d", await waiting);
    }

    [Fact]
    public async Task Drain_LastInstancesOfAVersion_MovesTheirSessionsUpWithoutAFailedRequest()
    {
        await using var site = await StartAsync();
        await site.GetAsync(site.A, "/?set=busy");
        await site.GetAsync(site.A, "/?set=idle");
        await site.ActivateAsync();
        var slow = site.GetAsync(site.B, "/?gate=1", "busy");
        Assert.Equal("a", await site.BegunAsync("1"));

        foreach (var instance in (string[])["b", "a"])
            Assert.Equal(200, (await PostAsync(site.A, $"{instance}/drain")).Status);
        await site.AgreeAsync();
        var idle = await site.GetAsync(site.B, "/", "idle");
        var waiting = site.GetAsync(site.A, "/?gate=2", "busy");
        await WaitsAtTheBarrierAsync(site);
        Assert.False(site.HasBegun("2"));
        site.Open("1");
        Assert.Equal("c", await site.BegunAsync("2"));
        site.Open("2");

        Assert.Equal(("c", "a", "c"), (idle, await slow, await waiting));
        await UntilAsync(site.B, "a", i => i.Text("state") == "drained");
    }

    private static async Task WaitsAtTheBarrierAsync(DrainSite site)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await site.A.MetricAsync("iamgateway_barrier_total{outcome=\"waited\"}") == 0)
            await Task.Delay(10, patience.Token);
    }

    private static int InFlight(JsonElement instance) => instance.GetProperty("inFlight").GetInt32();

    private static int Left(JsonElement instance, string field) =>
        instance.GetProperty("drain").GetProperty(field).GetInt32();

    private static JsonElement[] Waiting(JsonElement instance) =>
        [.. instance.GetProperty("drain").GetProperty("waitingFor").EnumerateArray()];
}
