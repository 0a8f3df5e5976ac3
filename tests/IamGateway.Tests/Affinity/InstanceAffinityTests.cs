using System.Net;
using System.Net.WebSockets;
using IamGateway.Pins;
using IamGateway.Routing;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Affinity.AffinitySite;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Affinity;

/// <summary>Sessions live in the memory of one instance: their requests go there, from every replica.</summary>
public sealed class InstanceAffinityTests
{
    [Fact]
    public async Task Requests_OfASession_GoToItsInstanceThroughEveryReplica()
    {
        await using var site = await StartAsync();
        var seen = new HashSet<string>();
        for (var i = 0; i < 12; i++)
        {
            var user = site.User($"user-{i}");
            var (first, second) = i % 2 == 0 ? (site.A, site.B) : (site.B, site.A);
            await user.LogInAsync(first, second);
            var where = await user.WhereAsync(first);
            seen.Add(where);
            for (var j = 0; j < 4; j++)
                Assert.Equal(where, await user.WhereAsync(j % 2 == 0 ? second : first));
            await user.OkAsync(second, HttpMethod.Get, "/rotate");
            Assert.Equal(where, await user.WhereAsync(first));
        }

        Assert.Equal(["a", "b"], seen.Order());
    }

    [Fact]
    public async Task Instances_SessionsThatLiveThere_AreCounted()
    {
        await using var site = await StartAsync();
        var users = new List<AffinityUser>();
        for (var i = 0; i < 6; i++)
        {
            users.Add(site.User($"user-{i}"));
            await users[i].LogInAsync(site.A, site.B);
        }

        await UntilAsync(async () => await SessionsAsync(site.A) == 6 && await SessionsAsync(site.B) == 6);
        await users[0].LogOutAsync(site.B);
        await UntilAsync(async () => await SessionsAsync(site.A) == 5);
    }

    private static async Task<long> SessionsAsync(Gateway gateway)
    {
        var (a, b) = (await InstanceAsync(gateway, "a"), await InstanceAsync(gateway, "b"));
        return a.GetProperty("sessions").ValueKind == System.Text.Json.JsonValueKind.Null
            ? -1
            : a.GetProperty("sessions").GetInt64() + b.GetProperty("sessions").GetInt64();
    }

    [Fact]
    public async Task StoreAway_ReplicaThatKnowsTheInstance_ServesAndTheOtherRefuses()
    {
        await using var site = await StartAsync(("IamGateway:Store:Timeout", "00:00:00.500"));
        var user = site.User("ann");
        await user.LogInAsync(site.A);
        var where = await user.WhereAsync(site.A);

        site.NetworkOfA.Cut();
        site.NetworkOfB.Cut();
        var cookie = user.Cookie;
        for (var i = 0; i < 5; i++)
            Assert.Equal(where, await user.WhereAsync(site.A));
        var (status, _, refusal) = await user.SendAsync(site.B, HttpMethod.Get, "/api/me");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "store_unavailable"), (status, refusal));
        Assert.Equal(cookie, user.Cookie);

        // Who comes now is served by the replica where it began, and by the other one as soon as that can know.
        var late = site.User("bob");
        await late.LogInAsync(site.A);
        var whereLate = await late.WhereAsync(site.A);
        Assert.Equal("store_unavailable", (await late.SendAsync(site.B, HttpMethod.Get, "/api/me")).Refusal);
        site.NetworkOfA.Heal();
        site.NetworkOfB.Heal();
        await site.A.Service<StoreOutbox>().FlushAsync(CancellationToken.None);
        await UntilAsync(
            async () => (await user.SendAsync(site.B, HttpMethod.Get, "/api/me")).Refusal is null);
        Assert.Equal(whereLate, await late.WhereAsync(site.B));
    }

    [Fact]
    public async Task StoreComesBackEmpty_ReplicaThatKnowsTheInstance_TellsTheOther()
    {
        await using var site = await StartAsync(("IamGateway:Store:Timeout", "00:00:01"));
        var users = new List<(AffinityUser User, string Where)>();
        for (var i = 0; i < 6; i++)
        {
            var user = site.User($"user-{i}");
            await user.LogInAsync(site.A);
            users.Add((user, await user.WhereAsync(site.A)));
        }

        var replica = site.A.Service<Replica>();
        var before = replica.View.State.Generation.Tag;
        // Behind what the replica itself does then: that puts back what it knows.
        var isAdopted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        replica.Adopted += () =>
        {
            if (replica.View.State.Generation.Tag != before)
                isAdopted.TrySetResult();
        };
        await site.Redis.KillAsync();
        await site.Redis.StartAsync();
        await isAdopted.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        await site.AgreeAsync();

        foreach (var (user, where) in users)
            Assert.Equal(where, await user.WhereAsync(site.B));
    }

    [Fact]
    public async Task Instance_ThatIsGone_ItsSessionsComeToTheSameOtherOneEverywhere()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("a");
        Assert.Equal("a", await user.WhereAsync(site.B));
        await site.Instance("a").DisposeAsync();

        // Its memory is lost, so the user is asked to log in, and no request fails.
        foreach (var gateway in (Gateway[])[site.A, site.B, site.A])
            Assert.Equal((HttpStatusCode.Unauthorized, null), await AskAsync(user, gateway));
        await user.LogInAsync(site.B, site.A);
        foreach (var gateway in (Gateway[])[site.A, site.B])
            Assert.Equal("b", await user.WhereAsync(gateway));
    }

    [Fact]
    public async Task Instances_OfTheVersionAreAllGone_SessionsMoveUpToOneOfTheHigherVersion()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("a");
        await site.ActivateAsync();
        Assert.Equal("a", await user.WhereAsync(site.B));
        await site.Instance("a").DisposeAsync();
        await site.Instance("b").DisposeAsync();

        foreach (var gateway in (Gateway[])[site.A, site.B])
            Assert.Equal((HttpStatusCode.Unauthorized, null), await AskAsync(user, gateway));
        await user.LogInAsync(site.B, site.A);

        var where = await user.WhereAsync(site.A);
        Assert.Contains(where, (string[])["c", "d"]);
        Assert.Equal(where, await user.WhereAsync(site.B));
    }

    private static async Task<(HttpStatusCode Status, string? Refusal)> AskAsync(AffinityUser user, Gateway gateway)
    {
        var (status, _, refusal) = await user.SendAsync(gateway, HttpMethod.Get, "/api/me");
        return (status, refusal);
    }

    [Fact]
    public async Task Weights_AllToTheNewVersion_MoveNobodyWhoIsLoggedIn()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("b");

        await site.ActivateAsync();

        for (var i = 0; i < 4; i++)
            Assert.Equal("b", await user.WhereAsync(i % 2 == 0 ? site.A : site.B));
        var next = site.User("next");
        await next.LogInAsync(site.B, site.A);
        Assert.Contains(await next.WhereAsync(site.A), (string[])["c", "d"]);
    }

    [Fact]
    public async Task Drain_SessionsOfTheInstance_StayUntilTheyEndAndNoneComes()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("a");
        await site.DrainAsync("a");

        for (var i = 0; i < 10; i++)
        {
            var other = site.User($"other-{i}");
            await other.LogInAsync(site.A, site.B);
            Assert.Equal("b", await other.WhereAsync(site.B));
            Assert.Equal("a", await user.WhereAsync(i % 2 == 0 ? site.A : site.B));
        }

        var (status, busy) = await PostAsync(site.A, "instances/a/drain?wait=3");
        Assert.Equal((202, "draining"), (status, busy.Text("state")));
        Assert.True(busy.GetProperty("drain").GetProperty("sessions").GetInt64() >= 1, busy.ToString());
        await EndAllAsync(site, "a", user);
        var (done, free) = await PostAsync(site.B, "instances/a/drain?wait=60");
        Assert.Equal((200, "drained", 0), (done, free.Text("state"), free.GetProperty("sessions").GetInt64()));
        Assert.Equal(1, await site.B.MetricAsync(
            "iamgateway_instance_state{instance=\"a\",version=\"8.2.1\",state=\"drained\"}"));
    }

    /// <summary>Ends the sessions that the search for this one has left behind, and this one.</summary>
    private static async Task EndAllAsync(AffinitySite site, string instance, AffinityUser user)
    {
        await user.LogOutAsync(site.B);
        foreach (var left in site.Strays)
        {
            if (await left.WhereAsync(site.A) == instance)
                await left.LogOutAsync(site.A);
        }
    }

    /// <summary>A browser that keeps its old cookie must not begin a session on the instance to be freed.</summary>
    [Fact]
    public async Task Drain_CookieOfASessionThatHasEnded_BeginsElsewhere()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("a");
        await user.WhereAsync(site.B);
        var old = user.Cookie;
        await user.LogOutAsync(site.A);
        await site.DrainAsync("a");

        foreach (var gateway in (Gateway[])[site.A, site.B])
        {
            var again = site.User("again", old);
            await again.LogInAsync(gateway);
            Assert.Equal("b", await again.WhereAsync(gateway));
        }
    }

    [Fact]
    public async Task Drain_WebSocketOfASession_StaysOpenWhileTheSessionLives()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("a");
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Cookie", $"IAM_SESSION={user.Cookie}");
        await socket.ConnectAsync(
            new UriBuilder(site.B.Proxy) { Scheme = "ws", Path = "/ws" }.Uri, CancellationToken.None);
        await EchoAsync(socket);
        await site.DrainAsync("a");
        await UntilAsync(
            async () => (await InstanceAsync(site.A, "a")).GetProperty("drain") is var drain
                && drain.GetProperty("connections").GetInt32() == 1 && drain.GetProperty("sessions").GetInt64() > 0);
        await EchoAsync(socket);

        await EndAllAsync(site, "a", user);
        var end = await socket.ReceiveAsync(new byte[16], CancellationToken.None);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        Assert.Equal(1012, (int)end.CloseStatus!);
        Assert.Equal(200, (await PostAsync(site.A, "instances/a/drain?wait=60")).Status);
    }

    private static async Task EchoAsync(ClientWebSocket socket)
    {
        await socket.SendAsync(new byte[] { 7 }, WebSocketMessageType.Binary, true, CancellationToken.None);
        var answer = await socket.ReceiveAsync(new byte[16], CancellationToken.None);
        Assert.Equal((WebSocketMessageType.Binary, 1), (answer.MessageType, answer.Count));
    }

    [Fact]
    public async Task EndedByAnOperator_Session_LeavesItsInstance()
    {
        await using var site = await StartAsync();
        var user = await site.UserOnAsync("a");
        using var body = new StringContent($$"""{"handle":"{{user.Cookie}}"}""", null, "application/json");
        using var found = await site.A.Admin.PostAsync("/api/v1/sessions/lookup", body);
        var key = System.Text.Json.JsonDocument.Parse(await found.Content.ReadAsStringAsync()).RootElement.Text("key");
        using var ended = await site.A.Admin.DeleteAsync($"/api/v1/sessions/{key}");
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        await site.DrainAsync("a");
        foreach (var left in site.Strays)
        {
            if (await left.WhereAsync(site.A) == "a")
                await left.LogOutAsync(site.A);
        }

        foreach (var gateway in (Gateway[])[site.A, site.B])
        {
            var again = site.User("again", user.Cookie);
            await again.LogInAsync(gateway);
            Assert.Equal("b", await again.WhereAsync(gateway));
        }

        Assert.Equal(200, (await PostAsync(site.A, "instances/a/drain?wait=60")).Status);
    }
}
