using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

public sealed class HealthCheckTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-health-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task HealthCheck_GatewayThatIsReady_IsSuccess()
    {
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        await using var process = GatewayProcess.Start(
            GatewayProcess.Arguments(("Kestrel:Endpoints:Admin:Url", admin)));
        await process.UntilReadyAsync(admin);
        var file = Path.Combine(_directory.FullName, "gateway.json");
        var content = new { Kestrel = new { Endpoints = new { Admin = new { Url = admin } } } };
        await File.WriteAllTextAsync(file, System.Text.Json.JsonSerializer.Serialize(content));

        var byArgument = await GatewayProcess.RunAsync(["healthcheck", $"--Kestrel:Endpoints:Admin:Url={admin}"]);
        var byEnvironment = await GatewayProcess.RunAsync(["healthcheck"], ("Kestrel__Endpoints__Admin__Url", admin));
        var byFile = await GatewayProcess.RunAsync(["healthcheck", "--config", file]);
        var anyAddress = await GatewayProcess.RunAsync(
            ["healthcheck"], ("Kestrel__Endpoints__Admin__Url", $"http://*:{new Uri(admin).Port}"));

        Assert.Equal([0, 0, 0, 0], [byArgument.ExitCode, byEnvironment.ExitCode, byFile.ExitCode, anyAddress.ExitCode]);
    }

    [Fact]
    public async Task HealthCheck_NobodyListens_IsFailureWithOneLine()
    {
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(
            ["healthcheck", $"--Kestrel:Endpoints:Admin:Url=http://127.0.0.1:{Ports.Next()}"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("does not answer", Assert.Single(errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HealthCheck_BrokenConfiguration_IsFailureWithOneLine()
    {
        var file = Path.Combine(_directory.FullName, "gateway.json");
        await File.WriteAllTextAsync(file, "{");
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(["healthcheck", "--config", file]);

        Assert.Equal(1, exitCode);
        Assert.Single(errors);
    }
}
