using System.Text.Json;
using IamGateway.Configuration;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

public sealed class ConfigurationLayersTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-layers-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(null, null, "http://10.0.0.1/")]
    [InlineData("http://10.0.0.2", null, "http://10.0.0.2/")]
    [InlineData(null, "http://10.0.0.3", "http://10.0.0.3/")]
    [InlineData("http://10.0.0.2", "http://10.0.0.3", "http://10.0.0.3/")]
    public async Task Config_File_IsBelowTheEnvironmentWhichIsBelowTheCommandLine(
        string? environment, string? commandLine, string expected)
    {
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        var hash = AdminServer.Sha256(AdminServer.ViewerKey);
        var file = Path.Combine(_directory.FullName, "gateway.json");
        await File.WriteAllTextAsync(
            file,
            $$"""
            {
              // Comments are allowed, as in appsettings.json.
              "Kestrel": { "Endpoints": { "Proxy": { "Url": "http://127.0.0.1:0" }, "Admin": { "Url": "{{admin}}" } } },
              "ReverseProxy": {
                "Routes": { "iam": { "ClusterId": "iam", "Match": { "Path": "{**rest}" } } },
                "Clusters": {
                  "iam": { "Destinations": {
                    "a": { "Address": "http://10.0.0.1", "Metadata": { "Version": "8.2.1" } }
                  } }
                }
              },
              "IamGateway": {
                "Store": { "StateFile": "" },
                "Sessions": [ { "Name": "session", "Cookie": "IAM_SESSION" } ],
                "Admin": { "ApiKeys": [ { "Name": "me", "Role": "viewer", "Sha256": "{{hash}}" } ] }
              },
            }
            """);
        string[] arguments = commandLine is null
            ? ["--config", file]
            : [$"--ReverseProxy:Clusters:iam:Destinations:a:Address={commandLine}", $"--config={file}"];
        await using var process = GatewayProcess.Start(
            arguments, ("ASPNETCORE_ENVIRONMENT", "Production"),
            ("ReverseProxy__Clusters__iam__Destinations__a__Address", environment));
        await process.UntilReadyAsync(admin);
        using var client = new HttpClient { BaseAddress = new Uri(admin) };
        client.DefaultRequestHeaders.Add("X-Api-Key", AdminServer.ViewerKey);
        var instances = JsonDocument.Parse(await client.GetStringAsync("/api/v1/instances")).RootElement;

        Assert.Equal(expected, Assert.Single(instances.EnumerateArray()).Text("address"));
    }

    [Fact]
    public async Task Secrets_AFileForEachKey_AreOverTheFileAndBelowTheCommandLine()
    {
        var file = Path.Combine(_directory.FullName, "gateway.json");
        var secrets = _directory.CreateSubdirectory("secrets").FullName;
        await File.WriteAllTextAsync(file, """{ "Of": { "File": "file", "Secret": "file", "Line": "file" } }""");
        await File.WriteAllTextAsync(Path.Combine(secrets, "Of__Secret"), "secret");
        await File.WriteAllTextAsync(Path.Combine(secrets, "Of__Line"), "secret");

        var settings = GatewayConfiguration.Build(["--config", file, $"--secrets={secrets}", "--Of:Line=line"]);

        Assert.Equal(("file", "secret", "line"), (settings["Of:File"], settings["Of:Secret"], settings["Of:Line"]));
    }

    [Fact]
    public async Task Secrets_NoSuchFolder_IsAProblem()
    {
        var (exitCode, errors, _) = await GatewayProcess.RunAsync(["--secrets", "/no/such/folder"]);

        Assert.Equal(78, exitCode);
        Assert.StartsWith(
            "--secrets: there is no folder '/no/such/folder'", Assert.Single(errors), StringComparison.Ordinal);
    }
}
