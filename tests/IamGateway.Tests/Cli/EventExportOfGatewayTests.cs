using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Cli;

/// <summary>The export of a real audit log, which Redis counts otherwise than the embedded store.</summary>
public sealed class EventExportOfGatewayTests(RedisServer redis) : IClassFixture<RedisServer>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Output_OfTwoRuns_IsTheAuditLogWithoutGapsAndRepeats(bool isOnRedis)
    {
        await using var server = await AdminServer.StartAsync(
            ("ConnectionStrings:Redis", isOnRedis ? redis.ConnectionString : null));
        var file = Path.GetTempFileName();
        var run = new IamgwRun { Environment = { ["IAMGW_API_KEY"] = Gateway.Key } };
        await server.OkAsync("POST", "/api/v1/instances/new/drain");

        var first = await run.RunAsync(server.Gateway.AdminAddress, "events", "--output", file);
        await server.OkAsync("POST", "/api/v1/instances/new/resume");
        var second = await run.RunAsync(server.Gateway.AdminAddress, "events", "--output", file);

        Assert.Equal((0, "", 0, ""), (first.ExitCode, first.Errors, second.ExitCode, second.Errors));
        var log = await server.GetAsync("/api/v1/events");
        Assert.Equal(log.EnumerateArray().Select(e => e.GetRawText()), await File.ReadAllLinesAsync(file));
        Assert.Contains("instance.resume", (await File.ReadAllLinesAsync(file))[^1], StringComparison.Ordinal);
        File.Delete(file);
    }
}
