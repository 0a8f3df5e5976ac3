using System.Collections.Concurrent;
using IamGateway.Routing;
using IamGateway.Tests.Servers;
using static IamGateway.Tests.Affinity.AffinitySite;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Affinity;

/// <summary>
/// An upgrade of an IAM with sessions in its own memory: new sessions begin on the new version, the old instances are
/// drained one by one, and nobody is logged out.
/// </summary>
public sealed class StarveOutUpgradeTests
{
    private const int Users = 10;

    [Fact]
    public async Task Upgrade_UsersWhoLogInUseAndLogOut_FailNoRequestAndLoseNoSession()
    {
        await using var site = await StartAsync();
        using var stop = new CancellationTokenSource();
        var sessions = new ConcurrentQueue<(string Instance, bool IsAfter)>();
        var isAfter = false;
        var users = Enumerable.Range(0, Users).Select(UseAsync).ToArray();
        await UntilAsync(() => sessions.Count > Users || Failed());

        await site.A.SetWeightsAsync(("8.2.1", 0), ("8.3.0", 100));
        foreach (var old in (string[])["a", "b"])
        {
            var (status, instance) = await PostAsync(site.B, $"instances/{old}/drain?wait=120");
            Assert.False(Failed(), Failures());
            Assert.True(status == 200, instance.ToString());
            var requests = site.Instance(old).Requests;
            var before = sessions.Count;
            await UntilAsync(() => sessions.Count > before + Users || Failed());
            Assert.Equal(requests, site.Instance(old).Requests);
        }

        Assert.Equal(200, (await PostAsync(site.A, "versions/8.2.1/retire")).Status);
        Assert.True(await site.B.Service<Replica>().WaitForAsync(
            s => s.Phase == RoutingPhase.Steady && s.Active.Count() == 1, TimeSpan.FromMinutes(1)));
        foreach (var old in (string[])["a", "b"])
            await site.Instance(old).DisposeAsync();
        isAfter = true;
        await UntilAsync(() => sessions.Count(s => s.IsAfter) > Users || Failed());
        await stop.CancelAsync();
        await Task.WhenAll(users);

        Assert.Equal(["a", "b", "c", "d"], sessions.Select(s => s.Instance).Distinct().Order());
        Assert.All(site.Instances, i => Assert.Equal(0, i.OlderVersionRequests));
        foreach (var gateway in (Gateway[])[site.A, site.B])
        {
            Assert.Equal(0, await gateway.MetricAsync("iamgateway_violations_total"));
            foreach (var reason in (string[])["no_instance", "store_unavailable", "barrier_timeout"])
                Assert.Equal(0, await gateway.MetricAsync($"iamgateway_refusals_total{{reason=\"{reason}\"}}"));
        }

        bool Failed() => users.Any(u => u.IsFaulted);

        string Failures() => string.Join('\n', users.Where(u => u.IsFaulted).Select(u => u.Exception!.ToString()));

        async Task UseAsync(int number)
        {
            var chance = new Random(number);
            var user = site.User($"user-{number}");
            while (!stop.IsCancellationRequested)
            {
                await user.LogInAsync(Any(), Any());
                var where = await user.WhereAsync(Any());
                for (var i = chance.Next(3, 8); i > 0; i--)
                {
                    await Task.WhenAll(
                        SameAsync(user, where),
                        user.OkAsync(Any(), HttpMethod.Get, $"/slow?ms={chance.Next(5, 60)}"));
                    if (chance.Next(4) == 0)
                        await user.OkAsync(Any(), HttpMethod.Get, "/rotate");
                }

                await user.LogOutAsync(Any());
                sessions.Enqueue((where, Volatile.Read(ref isAfter)));
            }

            Gateway Any() => chance.Next(2) == 0 ? site.A : site.B;

            async Task SameAsync(AffinityUser user, string where) => Assert.Equal(where, await user.WhereAsync(Any()));
        }
    }
}
