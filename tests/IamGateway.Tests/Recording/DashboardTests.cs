using System.Net;
using System.Text.RegularExpressions;
using DemoIam;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Recording;

/// <summary>The dashboards against a real Prometheus that scrapes a gateway in the middle of an upgrade.</summary>
public sealed partial class DashboardTests(RedisServer redis) : IClassFixture<RedisServer>
{
    [Fact]
    public async Task EveryPanelAndRule_GatewayUnderLoadInAnUpgrade_ReturnsData()
    {
        var state = new MemorySessionState();
        await using var old1 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var old2 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var new1 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var new2 = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var gateway = await Gateway.StartAsync(
            [old1, old2, new1, new2],
            new Dictionary<string, string?>
            {
                ["ConnectionStrings:Redis"] = redis.ConnectionString,
                // A machine that is busy with other tests is no store that is away.
                ["IamGateway:Store:Timeout"] = "00:00:05",
            });
        await using var prometheus = await PrometheusServer.StartAsync(gateway.AdminAddress);
        using var stop = new CancellationTokenSource();
        var users = Enumerable.Range(0, 12).Select(n => UseAsync(gateway.Proxy, n, stop.Token)).ToArray();
        await prometheus.UntilAsync(async () =>
            await gateway.MetricAsync("iamgateway_sessions{version=\"8.2.1\"}") > 0);
        await gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));

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
            Assert.Fail($"Without data:\n{string.Join('\n', empty)}\n{await gateway.Admin.GetStringAsync("/metrics")}");
        }

        foreach (var variable in Dashboard.VariableQueries())
            Assert.Equal(["8.2.1", "8.3.0"], await ValuesAsync(prometheus, variable));
        await prometheus.UntilAsync(async () =>
            await gateway.MetricAsync(
                "iamgateway_migrations_total{from=\"8.2.1\",to=\"8.3.0\",reason=\"weight\"}") > 0);
        await stop.CancelAsync();
        await Task.WhenAll(users);
        await AssertRulesHealthyAndSilentAsync(prometheus);
    }

    /// <summary>A user with a session who logs in, works and logs out, again and again.</summary>
    private static async Task UseAsync(Uri proxy, int number, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using var handler = new HttpClientHandler
            {
                CookieContainer = new CookieContainer(),
                AllowAutoRedirect = false
            };
            using var client = new HttpClient(handler) { BaseAddress = proxy };
            await client.GetAsync("/login", CancellationToken.None);
            await client.PostAsync(
                "/login", Form(("username", $"user{number}"), ("password", "demo")), CancellationToken.None);
            await client.PostAsync("/otp", Form(("code", "123456")), CancellationToken.None);
            for (var i = 0; i < 40 && !stop.IsCancellationRequested; i++)
            {
                using var response = await client.GetAsync("/api/touch?ms=20", CancellationToken.None);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }
        }
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) =>
        new(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));

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
