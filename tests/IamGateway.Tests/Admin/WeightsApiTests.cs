using System.Text.Json;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Admin;

public sealed class WeightsApiTests : IAsyncLifetime
{
    private readonly AdminServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Get_Weights_CarriesTheRevisionAsETag()
    {
        using var response = await _server.SendAsync("GET", "/api/v1/weights");
        var weights = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

        Assert.Equal("""{"8.2.1":100,"8.3.0":0}""", weights.GetProperty("weights").GetRawText());
        Assert.Equal($"\"{weights.GetProperty("revision")}\"", response.Headers.ETag?.Tag);
    }

    [Fact]
    public async Task Put_NewVersion_ActivatesItAndSaysInWhichTime()
    {
        var reply = await _server.OkAsync("PUT", "/api/v1/weights", """{"weights":{"8.2.1":90,"8.3.0":10}}""");

        Assert.Equal("appliedIn pending revision weights", reply.Fields());
        Assert.Equal("""{"8.2.1":90,"8.3.0":10}""", reply.GetProperty("weights").GetRawText());
        Assert.InRange(reply.GetProperty("appliedIn").GetDouble(), 0, 60_000);
        Assert.Equal(JsonValueKind.Null, reply.GetProperty("pending").ValueKind);
        Assert.Equal("active", (await _server.GetAsync("/api/v1/versions")).One("version", "8.3.0").Text("state"));
        Assert.Equal(10, await _server.Gateway.MetricAsync("iamgateway_weight{version=\"8.3.0\"}"));
    }

    [Fact]
    public async Task Put_ZeroForTheOlderVersion_DrainsIt()
    {
        await _server.Gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        await _server.Gateway.SetWeightsAsync(("8.3.0", 100));

        Assert.Equal("draining", (await _server.GetAsync("/api/v1/versions")).One("version", "8.2.1").Text("state"));
    }

    [Fact]
    public async Task Put_LowerWeightForTheNewerVersion_IsPossibleAtAnyTime()
    {
        await _server.Gateway.SetWeightsAsync(("8.3.0", 100));
        var reply = await _server.Gateway.SetWeightsAsync(("8.2.1", 100), ("8.3.0", 0));

        Assert.Equal("""{"8.2.1":100,"8.3.0":0}""", reply.GetProperty("weights").GetRawText());
    }

    [Theory]
    [InlineData("*")]
    [InlineData(null)]
    [InlineData("etag")]
    public async Task Put_IfMatchThatMatches_IsCarriedOutAndAnswersTheNextETag(string? ifMatch)
    {
        using var read = await _server.SendAsync("GET", "/api/v1/weights");
        var etag = read.Headers.ETag!.ToString();
        using var response = await _server.SendAsync(
            "PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""", ifMatch: ifMatch == "etag" ? etag : ifMatch);
        using var again = await _server.SendAsync("GET", "/api/v1/weights");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.NotEqual(etag, response.Headers.ETag?.ToString());
        Assert.Equal(again.Headers.ETag, response.Headers.ETag);
    }

    [Fact]
    public async Task Put_TwoWritersWithOneETag_OnlyOneIsCarriedOut()
    {
        using var read = await _server.SendAsync("GET", "/api/v1/weights");
        var etag = read.Headers.ETag!.ToString();
        await _server.Gateway.SetWeightsAsync(("8.2.1", 60), ("8.3.0", 40));
        var before = await _server.StateAsync();
        using var response = await _server.SendAsync(
            "PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""", ifMatch: etag);

        var problem = await Problem.AssertAsync(response, 412, "If-Match");
        Assert.Equal("revision_changed", problem.Text("code"));
        Assert.Equal(before, await _server.StateAsync());
    }

    [Fact]
    public async Task Put_Weights_IsInTheAuditLogWithFromAndTo()
    {
        await _server.Gateway.SetWeightsAsync(("8.2.1", 75), ("8.3.0", 25));

        var entry = (await _server.GetAsync("/api/v1/events")).One("what", "weights.set");
        Assert.Equal("at from id result revision to what who", entry.Fields());
        Assert.Equal("test-admin", entry.Text("who"));
        Assert.Equal("8.2.1=100", entry.Text("from"));
        Assert.Equal("8.2.1=75, 8.3.0=25", entry.Text("to"));
        Assert.Equal("ok", entry.Text("result"));
    }

    [Fact]
    public async Task Retire_DrainedVersion_LeavesOneActive()
    {
        await _server.Gateway.SetWeightsAsync(("8.3.0", 100));
        var versions = await _server.OkAsync("POST", "/api/v1/versions/8.2.1/retire");

        Assert.Equal("retired", versions.One("version", "8.2.1").Text("state"));
        Assert.Equal("8.3.0", (await _server.GetAsync("/api/v1/status")).Text("newestActive"));
    }

    [Fact]
    public async Task Put_RetiredVersion_NeverComesBack()
    {
        await _server.Gateway.SetWeightsAsync(("8.3.0", 100));
        await _server.OkAsync("POST", "/api/v1/versions/8.2.1/retire");
        var before = await _server.StateAsync();
        using var response = await _server.SendAsync("PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""");

        await Problem.AssertAsync(response, 409, "8.2.1");
        Assert.Equal(before, await _server.StateAsync());
    }

    [Fact]
    public async Task Revoke_NewestVersion_NeedsItsNameAndGoesBack()
    {
        await _server.Gateway.SetWeightsAsync(("8.2.1", 50), ("8.3.0", 50));
        var before = await _server.StateAsync();
        using (var refused = await _server.SendAsync(
            "POST", "/api/v1/versions/8.3.0/revoke", """{"confirm":"8.2.1"}"""))
            await Problem.AssertAsync(refused, 400, "confirm");
        Assert.Equal(before, await _server.StateAsync());

        var versions = await _server.OkAsync("POST", "/api/v1/versions/8.3.0/revoke", """{"confirm":"8.3.0"}""");
        Assert.Equal("revoked", versions.One("version", "8.3.0").Text("state"));
        Assert.Equal(100, versions.One("version", "8.2.1").GetProperty("weight").GetInt32());
    }
}
