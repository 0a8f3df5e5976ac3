using System.Net.Http.Json;
using System.Text.RegularExpressions;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Recording;

/// <summary>The dashboards against a real Prometheus that scrapes two gateways in the middle of a rollout.</summary>
public sealed partial class DashboardTests(RedisServer redis) : IClassFixture<RedisServer>
{
    [Fact]
    public async Task EveryPanelAndRule_GatewaysUnderLoadInARollout_ReturnsData()
    {
        var state = new MemorySessionState();
        await using var old1 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var old2 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var new1 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var new2 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var first = await GatewayAsync(old1, old2, new1, new2);
        await using var second = await GatewayAsync(old1, old2, new1, new2);
        await using var prometheus = await PrometheusServer.StartAsync(first.AdminAddress, second.AdminAddress);
        using var stop = new CancellationTokenSource();
        var users = Enumerable.Range(0, 12)
            .Select(n => UseAsync((n % 2 == 0 ? first : second).Proxy, n, stop.Token)).ToArray();
        await prometheus.UntilAsync(async () =>
            await first.MetricAsync("iamgateway_sessions{version=\"8.2.1\"}") > 0);
        // What happens once, as the rollout begins, is an increase only of what was seen before.
        await prometheus.UntilAsync(async () =>
            (await prometheus.QueryAsync("iamgateway_barrier_wait_seconds_count")).Count == 2);
        await StartRolloutAsync(first);

        var empty = Dashboard.Queries().ToList();
        Assert.NotEmpty(empty);
        try
        {
            await prometheus.UntilAsync(async () =>
            {
                foreach (var query in empty.ToArray())
                {
                    if ((await prometheus.QueryAsync(query.Query)).Any(s => double.IsFinite(s.Value)))
                        empty.Remove(query);
                }

                return empty.Count == 0;
            });
        }
        catch (InvalidOperationException)
        {
            Assert.Fail($"Without data:\n{string.Join('\n', empty)}\n{await first.Admin.GetStringAsync("/metrics")}");
        }

        foreach (var annotation in Dashboard.AnnotationQueries())
        {
            // No alert fires here.
            Assert.True(
                (await prometheus.QueryAsync(annotation)).Count > 0
                    || annotation.StartsWith("ALERTS{", StringComparison.Ordinal), annotation);
        }

        var gateways = new[] { first.AdminAddress.Authority, second.AdminAddress.Authority }.Order();
        foreach (var variable in Dashboard.VariableQueries())
        {
            Assert.Equal(
                variable.EndsWith(", gateway)", StringComparison.Ordinal) ? gateways : ["8.2.1", "8.3.0"],
                await ValuesAsync(prometheus, variable));
        }

        const string Migrations = "iamgateway_migrations_total{from=\"8.2.1\",to=\"8.3.0\",reason=\"weight\"}";
        await prometheus.UntilAsync(async () =>
            await first.MetricAsync(Migrations) + await second.MetricAsync(Migrations) > 0);
        await stop.CancelAsync();
        await Task.WhenAll(users);
        await AssertRulesHealthyAndSilentAsync(prometheus);
    }

    private Task<Gateway> GatewayAsync(params DemoIamInstance[] instances) => Gateway.StartAsync(
        instances, new Dictionary<string, string?> { ["ConnectionStrings:Redis"] = redis.ConnectionString });

    /// <summary>A rollout that holds at its first step, with half of the sessions on the new version.</summary>
    private static async Task StartRolloutAsync(Gateway gateway)
    {
        using var answer = await gateway.Admin.PostAsJsonAsync("/api/v1/rollouts", new
        {
            to = "8.3.0",
            schemaUpgraded = true,
            steps = new[] { new { weight = 50, hold = "30m" } },
        });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A user with a session who logs in, works and logs out, again and again.</summary>
    private static async Task UseAsync(Uri proxy, int number, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using var http = new HttpMessageInvoker(
                new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
            var user = new Browser(http, () => proxy, $"user{number}");
            await user.LogInAsync();
            for (var i = 0; i < 40 && !stop.IsCancellationRequested; i++)
                await user.SendAsync(HttpMethod.Get, "/api/touch?ms=20");
        }
    }

    private static async Task<IEnumerable<string?>> ValuesAsync(PrometheusServer prometheus, string variable)
    {
        var match = LabelValues().Match(variable);
        Assert.True(match.Success, variable);
        var data = await prometheus.GetAsync(
            $"/api/v1/label/{match.Groups["label"].Value}/values"
            + $"?match[]={Uri.EscapeDataString(match.Groups["series"].Value)}");
        return data.EnumerateArray().Select(v => v.GetString()).Order();
    }

    private static async Task AssertRulesHealthyAndSilentAsync(PrometheusServer prometheus)
    {
        await prometheus.UntilAsync(async () => (await RulesAsync(prometheus)).TrueForAll(r => r.Health != "unknown"));
        var rules = await RulesAsync(prometheus);
        Assert.NotEmpty(rules);
        Assert.All(rules, r => Assert.True(r.Health == "ok" && r.State != "firing", r.ToString()));
    }

    private static async Task<List<(string Name, string Health, string State)>> RulesAsync(PrometheusServer prometheus)
    {
        var data = await prometheus.GetAsync("/api/v1/rules");
        return
        [
            .. data.GetProperty("groups").EnumerateArray().SelectMany(g =>
                g.GetProperty("rules").EnumerateArray()).Select(r => (
                r.GetProperty("name").GetString()!, r.GetProperty("health").GetString()!,
                    r.GetProperty("state").GetString()!)),
        ];
    }

    [GeneratedRegex(@"^label_values\((?<series>[^,]+), (?<label>\w+)\)$")]
    private static partial Regex LabelValues();
}
