using System.Text.Json;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Admin;

/// <summary>What the admin API shows, with the names that others build on.</summary>
public sealed class ReadingApiTests(AdminServer server) : IClassFixture<AdminServer>
{
    [Fact]
    public async Task Status_OfOneReplica_ShowsTheWhole()
    {
        var status = await server.GetAsync("/api/v1/status");

        Assert.Equal(
            "existingSessions newestActive phase ready replica revision rollout store versions", status.Fields());
        Assert.Equal("8.2.1", status.Text("newestActive"));
        Assert.True(status.GetProperty("ready").GetBoolean());
        Assert.True(status.GetProperty("revision").GetInt64() > 0);
        Assert.Equal(JsonValueKind.Null, status.GetProperty("rollout").ValueKind);
        var store = status.GetProperty("store");
        Assert.Equal("generation kind queued up", store.Fields());
        Assert.Equal("embedded", store.Text("kind"));
        Assert.True(store.GetProperty("up").GetBoolean());
        Assert.True(status.GetProperty("replica").GetProperty("self").GetBoolean());
        Assert.Equal(2, status.GetProperty("versions").GetArrayLength());
    }

    [Fact]
    public async Task Versions_OneActive_OthersAreRegisteredAndGetNothing()
    {
        var versions = await server.GetAsync("/api/v1/versions");

        Assert.Equal(["8.2.1", "8.3.0"], versions.EnumerateArray().Select(v => v.Text("version")));
        Assert.All(
            versions.EnumerateArray(),
            v => Assert.Equal("inFlight instances sessions state version weight", v.Fields()));
        var (old, @new) = (versions.One("version", "8.2.1"), versions.One("version", "8.3.0"));
        Assert.Equal(
            ("active", 100, 1),
            (old.Text("state"), old.GetProperty("weight").GetInt32(), old.GetProperty("instances").GetInt32()));
        Assert.Equal(("registered", 0), (@new.Text("state"), @new.GetProperty("weight").GetInt32()));
    }

    [Fact]
    public async Task Instances_OfTheConfiguration_StandThereWithAddressAndVersion()
    {
        var old = (await server.GetAsync("/api/v1/instances")).One("id", "old");

        Assert.Equal("address health id inFlight reason reportedVersion sessions state version", old.Fields());
        Assert.Equal(server.AddressOf("old").ToString(), old.Text("address"));
        Assert.Equal("8.2.1", old.Text("version"));
        Assert.Equal("active", old.Text("state"));
        // Unknown before its first request, which another test may have sent.
        Assert.Contains(old.Text("health"), (string[])["unknown", "healthy"]);
        Assert.Equal(0, old.GetProperty("inFlight").GetInt32());
    }

    [Fact]
    public async Task Replicas_OneProcess_HasAcknowledgedTheRevision()
    {
        var replica = Assert.Single((await server.GetAsync("/api/v1/replicas")).EnumerateArray());
        var revision = (await server.GetAsync("/api/v1/status")).GetProperty("revision").GetInt64();

        Assert.Equal("acknowledgedRevision forgotten id name self silent startedAt", replica.Fields());
        Assert.True(replica.GetProperty("self").GetBoolean());
        Assert.False(replica.GetProperty("forgotten").GetBoolean());
        Assert.Equal(revision, replica.GetProperty("acknowledgedRevision").GetInt64());
    }

    [Fact]
    public async Task Me_OfAKey_IsItsNameAndRole()
    {
        var me = await server.GetAsync("/api/v1/me");

        Assert.Equal("name role", me.Fields());
        Assert.Equal(("test-admin", "admin"), (me.Text("name"), me.Text("role")));
    }

    [Fact]
    public async Task History_Columns_AreOfEqualLength()
    {
        var history = await server.GetAsync("/api/v1/history");

        Assert.Equal(
            "at interval migrations refusals totalRefusals totalViolations versions", history.Fields());
        var points = history.GetProperty("at").GetArrayLength();
        Assert.Equal(points, history.GetProperty("refusals").GetArrayLength());
        Assert.All(history.GetProperty("versions").EnumerateArray(), version =>
        {
            Assert.Equal("errors p50 p99 requests sessions version weight", version.Fields());
            Assert.Equal(points, version.GetProperty("sessions").GetArrayLength());
        });
    }

    [Theory]
    [InlineData("X-IAM-Version", JsonValueKind.Number)]
    [InlineData(null, JsonValueKind.Null)]
    public async Task History_TotalViolations_AreOnlyANumberWhereResponsesNameTheirVersion(
        string? header, JsonValueKind kind)
    {
        await using var own = await AdminServer.StartAsync(("IamGateway:Versions:Discovery:ResponseHeader", header));

        var history = await own.GetAsync("/api/v1/history");

        Assert.Equal(kind, history.GetProperty("totalViolations").ValueKind);
    }

    [Fact]
    public async Task History_AfterWhatIsNoTime_IsABadRequest()
    {
        using var response = await server.SendAsync("GET", "/api/v1/history?after=yesterday");

        await Problem.AssertAsync(response, 400, "seconds");
    }

    [Fact]
    public async Task Replica_ThatAnswers_CannotBeForgotten()
    {
        var id = (await server.GetAsync("/api/v1/replicas"))[0].Text("id");
        using var response = await server.SendAsync("DELETE", $"/api/v1/replicas/{id}");

        await Problem.AssertAsync(response, 409, "not dead");
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Health_RunningGateway_IsUpWithoutAKey(string path)
    {
        using var response = await server.SendAsync("GET", path, role: "none");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("UP", JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Text("status"));
    }

    [Fact]
    public async Task Metrics_RunningGateway_AreThereWithoutAKeyAndInThePrometheusFormat()
    {
        using var response = await server.SendAsync("GET", "/metrics", role: "none");
        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal("text/plain", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("iamgateway_weight{version=\"8.2.1\"} 100", text, StringComparison.Ordinal);
        Assert.Contains("iamgateway_build_info{", text, StringComparison.Ordinal);
        Assert.Equal(0, await server.Gateway.MetricAsync("iamgateway_violations_total"));
    }

    [Fact]
    public async Task OpenApi_Document_DescribesEveryCallOfTheApi()
    {
        var document = await server.OkAsync("GET", "/openapi/v1.json");
        var calls = document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject()
            .Where(o => o.Value.TryGetProperty("responses", out _))
            .Select(o => $"{o.Name.ToUpperInvariant()} {p.Name}"));

        Assert.StartsWith("3.", document.Text("openapi"), StringComparison.Ordinal);
        var expected = EndpointRolesTests.Endpoints().Select(r => r.Data)
            .Where(e => e.Contains("/api/", StringComparison.Ordinal));
        Assert.Equal(expected.Order(), calls.Order());
    }

    [Fact]
    public async Task Proxy_PathsOfTheAdminListener_AreNotAnsweredByTheGateway()
    {
        using var client = new HttpClient { BaseAddress = server.Gateway.Proxy };
        foreach (var path in (string[])["/api/v1/status", "/metrics", "/openapi/v1.json"])
        {
            using var response = await client.GetAsync(path);
            // The demo IAM has none of these; it is the one that says so.
            Assert.Equal(404, (int)response.StatusCode);
            Assert.Equal("8.2.1", Assert.Single(response.Headers.GetValues("X-IAM-Version")));
        }
    }
}
