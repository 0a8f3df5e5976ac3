using System.Text.Json;

namespace IamGateway.Tests.Admin;

/// <summary>What was refused stands in the audit log, with the code of the refusal.</summary>
public sealed class RefusedCommandsTests : IAsyncLifetime
{
    private readonly AdminServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("POST", "/api/v1/instances/old/drain", null, "instance.drain last_instance old")]
    [InlineData("DELETE", "/api/v1/instances/old", null, "instance.removed configured_instance ")]
    [InlineData(
        "PUT", "/api/v1/instances/OLD", """{"address":"http://127.0.0.1:9","version":"8.2.1"}""",
        "instance.set id_taken OLD http://127.0.0.1:9/ 8.2.1")]
    [InlineData("PUT", "/api/v1/weights", """{"weights":{"8.2.1":1}}""", "weights.set weights_sum 8.2.1=1")]
    [InlineData("POST", "/api/v1/versions/8.2.1/retire", null, "version.retire not_retirable 8.2.1")]
    [InlineData(
        "POST", "/api/v1/versions/8.3.0/revoke", """{"confirm":"8.3.0"}""", "version.revoke not_revocable 8.3.0")]
    public async Task Refused_Command_IsAnEventWithItsCodeAndChangesNothing(
        string method, string path, string? body, string expected)
    {
        var before = await _server.StateAsync();
        using var response = await _server.SendAsync(method, path, body);
        Assert.InRange((int)response.StatusCode, 400, 409);

        var last = (await _server.GetAsync("/api/v1/events")).EnumerateArray().Last();
        Assert.Equal(expected, $"{last.Text("what")} {last.Text("result")} {last.Text("to")}");
        Assert.Equal("test-admin", last.Text("who"));
        Assert.Equal(before, await _server.StateAsync());
    }

    [Fact]
    public async Task Refused_IfMatch_IsAnEvent()
    {
        using var response = await _server.SendAsync(
            "PUT", "/api/v1/weights", """{"weights":{"8.2.1":100}}""", ifMatch: "\"999\"");
        Assert.Equal(412, (int)response.StatusCode);

        Assert.Equal("revision_changed", Last(await _server.GetAsync("/api/v1/events")).Text("result"));
    }

    [Fact]
    public async Task NotRefused_Command_IsOk()
    {
        await _server.OkAsync("POST", "/api/v1/instances/new/drain");

        Assert.Equal("ok", Last(await _server.GetAsync("/api/v1/events")).Text("result"));
    }

    private static JsonElement Last(JsonElement events) => events.EnumerateArray().Last();
}
