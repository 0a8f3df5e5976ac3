using System.Text;
using System.Text.RegularExpressions;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Tests.Rollouts;
using IamGateway.Tests.Routing;

namespace IamGateway.Tests.Recording;

public sealed class GatewayMetricsTests
{
    /// <summary>The names that dashboards and alerts are built on.</summary>
    private const string Fixed =
        """
        iamgateway_requests_total{version,instance,code,decision}
        iamgateway_request_duration_seconds{version}
        iamgateway_requests_in_flight{version,instance}
        iamgateway_sessions{version}
        iamgateway_migrations_total{from,to,reason}
        iamgateway_barrier_total{outcome}
        iamgateway_barrier_wait_seconds
        iamgateway_weight{version}
        iamgateway_version_state{version,state}
        iamgateway_instance_state{instance,version,state}
        iamgateway_instance_version_mismatch_total{instance}
        iamgateway_store_duration_seconds{operation}
        iamgateway_store_errors_total{operation}
        iamgateway_store_up
        iamgateway_pin_repairs_total{source}
        iamgateway_refusals_total{reason}
        iamgateway_retries_total{reason}
        iamgateway_violations_total
        iamgateway_routing_revision
        iamgateway_replica_acknowledged_revision{replica}
        iamgateway_build_info{version}
        """;

    private static readonly string[] Decisions =
        ["new", "pinned", "final", "migrated", "unknown", "stateless", "forced_up", "refused"];

    public static TheoryData<string> FixedNames => [.. Fixed.Split('\n')];

    [Theory]
    [MemberData(nameof(FixedNames))]
    public async Task Metrics_FixedName_IsThereWithItsLabels(string metric)
    {
        var name = metric.Split('{')[0];
        var labels = metric.Contains('{') ? metric[(name.Length + 1)..^1].Split(',') : [];

        var series = (await ExportAsync(UnderLoad())).Where(
            l => Regex.IsMatch(l, $"^{name}(_bucket|_sum|_count)?[ {{]"));

        var found = series.Select(
            s => Regex.Matches(s, "[{,]([a-z_]+)=").Select(m => m.Groups[1].Value).Where(l => l != "le"));
        Assert.NotEmpty(found);
        Assert.All(found, f => Assert.Equal(labels, f));
    }

    [Fact]
    public async Task Metrics_TwoVersionsOfFourInstancesUnderLoad_AreFewerThan300Series()
    {
        var series = await ExportAsync(UnderLoad());

        Assert.True(series.Count < 300, $"{series.Count} series:\n{string.Join('\n', series)}");
    }

    [Fact]
    public void Label_EveryDecision_IsFixed() =>
        Assert.Equal(Decisions, Enum.GetValues<Decision>().Select(GatewayMetrics.Label));

    [Fact]
    public void Label_EveryRefusal_HasItsOwn()
    {
        var labels = Enum.GetValues<RefusalCode>().Select(GatewayMetrics.Label).ToArray();

        Assert.Equal(labels.Distinct(), labels);
        Assert.All(labels, l => Assert.Matches("^[a-z_]+$", l));
    }

    [Theory]
    [InlineData(0, "1xx")]
    [InlineData(101, "1xx")]
    [InlineData(200, "2xx")]
    [InlineData(302, "3xx")]
    [InlineData(499, "4xx")]
    [InlineData(599, "5xx")]
    [InlineData(700, "5xx")]
    public async Task Record_AnyStatus_CountsInOneOfFiveClasses(int status, string code)
    {
        var metrics = new GatewayMetrics();
        metrics.ForInstance("8.2.1", "old-1").Record(Decision.Pinned, status, 0.1);

        Assert.Contains(
            $"iamgateway_requests_total{{version=\"8.2.1\",instance=\"old-1\",code=\"{code}\",decision=\"pinned\"}} 1",
            await ExportAsync(metrics));
    }

    [Fact]
    public async Task Record_EveryDecision_CountsUnderItsLabel()
    {
        var metrics = new GatewayMetrics();
        var instance = metrics.ForInstance("8.2.1", "old-1");
        foreach (var decision in Enum.GetValues<Decision>())
        {
            instance.Record(decision, 200, 0.1);
            instance.Record(decision, 500, 0.1);
        }

        var series = (await ExportAsync(metrics)).Where(
            l => l.StartsWith("iamgateway_requests_total", StringComparison.Ordinal));
        Assert.Equal(16, series.Count());
        Assert.All(series, s => Assert.EndsWith(" 1", s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Routing_VersionAndReplicaGone_TheirSeriesGoToo()
    {
        var metrics = new GatewayMetrics();
        var rollout = States.Rollout();
        metrics.Routing(rollout);
        Assert.Contains("iamgateway_weight{version=\"8.2.1\"} 90", await ExportAsync(metrics));

        var retired = States.Taken(rollout.Close(States.V1)).AcknowledgeAll();
        metrics.Routing(retired.Remove(retired.Replicas[1].Id, States.Now));

        var series = await ExportAsync(metrics);
        Assert.DoesNotContain(
            series, s => s.StartsWith("iamgateway_weight{version=\"8.2.1\"}", StringComparison.Ordinal));
        Assert.DoesNotContain(series, s => s.Contains("replica=\"gateway-2\"", StringComparison.Ordinal));
        Assert.Contains("iamgateway_version_state{version=\"8.2.1\",state=\"retired\"} 1", series);
        Assert.Single(
            series, s => s.StartsWith("iamgateway_version_state{version=\"8.2.1\"", StringComparison.Ordinal));
        Assert.Contains($"iamgateway_routing_revision {retired.Revision}", series);
    }

    [Fact]
    public async Task Refusals_FromTheStart_AreThereWithZero()
    {
        var series = await ExportAsync(new GatewayMetrics());

        // Those that clients cause have no alert.
        RefusalCode[] others =
        [
            RefusalCode.None, RefusalCode.VersionRevoked, RefusalCode.AmbiguousPath, RefusalCode.BodyTooLarge,
            RefusalCode.TooManyNewSessions,
        ];
        foreach (var code in Enum.GetValues<RefusalCode>().Except(others))
            Assert.Contains($"iamgateway_refusals_total{{reason=\"{GatewayMetrics.Label(code)}\"}} 0", series);
        Assert.Contains("iamgateway_violations_total 0", series);
        Assert.Contains("iamgateway_store_up 1", series);
    }

    [Fact]
    public async Task Routing_RolloutHolds_SaysWhereItIsAndUntilWhen()
    {
        var metrics = new GatewayMetrics();

        metrics.Routing(SomeRollouts.Holding());

        var series = await ExportAsync(metrics);
        var start = States.Now.ToUnixTimeSeconds();
        Assert.Contains("iamgateway_rollout_waiting{from=\"8.2.1\",to=\"8.3.0\",reason=\"hold\"} 1", series);
        Assert.Contains(
            $"iamgateway_rollout_due_timestamp_seconds{{from=\"8.2.1\",to=\"8.3.0\",reason=\"hold\"}} {start + 600}",
            series);
        Assert.Contains(
            "iamgateway_rollout_changed_timestamp_seconds"
            + $"{{from=\"8.2.1\",to=\"8.3.0\",state=\"progressing\",step=\"1\"}} {start}",
            series);
        Assert.Contains("iamgateway_routing_phase{phase=\"active\"} 1", series);
    }

    [Fact]
    public async Task Routing_RolloutDrains_IsDueAtItsDeadline()
    {
        var metrics = new GatewayMetrics();
        metrics.Routing(SomeRollouts.Holding());

        metrics.Routing(SomeRollouts.Draining());

        var due = States.Now.AddHours(8).ToUnixTimeSeconds();
        Assert.Equal(
            [$"iamgateway_rollout_due_timestamp_seconds{{from=\"8.2.1\",to=\"8.3.0\",reason=\"drain\"}} {due}"],
            Of(await ExportAsync(metrics), "iamgateway_rollout_due_timestamp_seconds"));
    }

    [Fact]
    public async Task Routing_RolloutEnded_IsNeitherDueNorWaiting()
    {
        var metrics = new GatewayMetrics();
        metrics.Routing(SomeRollouts.Holding());

        metrics.Routing(SomeRollouts.Aborted());

        var series = await ExportAsync(metrics);
        Assert.Empty(Of(series, "iamgateway_rollout_due_timestamp_seconds"));
        Assert.Empty(Of(series, "iamgateway_rollout_waiting"));
        Assert.Contains("iamgateway_rollout_state{from=\"8.2.1\",to=\"8.3.0\",state=\"aborted\"} 1", series);
    }

    private static IEnumerable<string> Of(IEnumerable<string> series, string name) =>
        series.Where(s => s.StartsWith(name + "{", StringComparison.Ordinal));

    /// <summary>What alerts take the increase of must not begin at its first increase.</summary>
    [Theory]
    [InlineData("iamgateway_reloads_total{source=\"file\",result=\"rejected\"} 0")]
    [InlineData("iamgateway_reloads_total{source=\"dns\",result=\"failed\"} 0")]
    [InlineData("iamgateway_store_writes_dropped_total{kind=\"name\"} 0")]
    [InlineData("iamgateway_store_full_total 0")]
    public async Task Counters_OfAlerts_AreThereWithZero(string series) =>
        Assert.Contains(series, await ExportAsync(new GatewayMetrics()));

    /// <summary>
    /// A rollout of 8.3.0 with four instances each and two replicas, when everything usual has happened.
    /// </summary>
    private static GatewayMetrics UnderLoad()
    {
        var metrics = new GatewayMetrics();
        metrics.Routing(SomeRollouts.Holding());
        metrics.SilentReplicas([("gateway-1", false), ("gateway-2", true)]);
        metrics.UsableInstances([("8.2.1", 4), ("8.3.0", 4)]);
        metrics.Sessions(new Dictionary<string, long> { ["8.2.1"] = 10, ["8.3.0"] = 5 });
        var instances = Enumerable.Range(1, 8).Select(i => (Id: $"iam-{i}", Version: i <= 4 ? "8.2.1" : "8.3.0"))
            .ToArray();
        metrics.InstanceStates(instances.Select(i => (i.Id, i.Version, "active")));
        foreach (var (id, version) in instances)
        {
            var instance = metrics.ForInstance(version, id);
            foreach (var status in new[] { 200, 302, 404, 500 })
            {
                foreach (var decision in new[] { Decision.Final, Decision.New, Decision.Pinned, Decision.Migrated })
                    instance.Record(decision, status, 0.01);
            }
        }

        metrics.Migrated(States.V1, States.V2, TimeSpan.FromMilliseconds(3));
        foreach (var outcome in new[] { "waited", "timeout" })
            metrics.Barrier(outcome);
        foreach (var operation in new[] { "claim", "lease", "link", "write", "release", "find" })
            metrics.StoreCall(operation, TimeSpan.FromMilliseconds(1));
        metrics.StoreError("claim");
        metrics.Refused(RefusalCode.NoInstance, 503);
        metrics.Retried("connect");
        metrics.Mismatch("iam-1");
        metrics.PinRepaired("instance");
        metrics.WriteDropped(StoreWriteKind.Refresh);
        return metrics;
    }

    private static async Task<List<string>> ExportAsync(GatewayMetrics metrics)
    {
        using var stream = new MemoryStream();
        await metrics.Registry.CollectAndExportAsTextAsync(stream);
        return [.. Encoding.UTF8.GetString(stream.ToArray()).Split('\n').Where(l => l.Length > 0 && l[0] != '#')];
    }
}
