using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Oidc;

/// <summary>An instance of npm's oidc-provider: <c>tests/oidc/provider.mjs</c>.</summary>
internal sealed class NodeProvider : IOidcProvider
{
    private readonly ServerProcess _process;

    private NodeProvider(ServerProcess process, string version, Uri address)
    {
        _process = process;
        Version = version;
        Address = address;
    }

    public string Version { get; }

    public Uri Address { get; }

    /// <summary>What it printed: its server errors.</summary>
    public string Output => _process.Output;

    public static async Task<IOidcProvider> StartAsync(string version, int redisPort, string prefix)
    {
        var folder = Repository.Path("tests/oidc");
        Assert.True(
            Directory.Exists(Path.Combine(folder, "node_modules")),
            "The provider is not installed: npm ci --prefix tests/oidc");
        var program = Path.Combine(folder, "provider.mjs");
        var process = ServerProcess.Start("node", [program, version, $"{redisPort}", prefix]);
        var port = Match.Empty;
        await process.UntilAsync(() =>
        {
            port = Regex.Match(process.Output, @"listening on (\d+)");
            return Task.FromResult(port.Success);
        });
        return new NodeProvider(process, version, new Uri($"http://127.0.0.1:{port.Groups[1].Value}"));
    }

    public async Task<OidcHealth> HealthAsync()
    {
        using var client = new HttpClient { BaseAddress = Address };
        var json = await client.GetStringAsync("/health");
        return JsonSerializer.Deserialize<OidcHealth>(json, JsonSerializerOptions.Web)!;
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
