using System.Text.Json;
using DemoIam;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.WebConsole;

/// <summary>
/// The console in Debian's Chromium: <c>tests/console</c> drives it, in front of gateways that run here. The folder
/// with what it saw is printed.
/// </summary>
public sealed class ConsoleBrowserTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly MemorySessionState _state = new();
    private readonly List<DemoIamInstance> _iam = [];
    private readonly RedisServer _redis = new();

    public async ValueTask InitializeAsync()
    {
        (string Name, string Version)[] all =
            [("old-1", "8.2.1"), ("old-2", "8.2.1"), ("new-1", "8.3.0"), ("new-2", "8.3.0")];
        foreach (var (name, version) in all)
            _iam.Add(await DemoIamInstance.StartAsync(new DemoIamOptions { Version = version, Name = name }, _state));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _iam)
            await instance.DisposeAsync();
        await _redis.DisposeAsync();
    }

    private static Dictionary<string, string?> Settings() => new(new AdminServer().Settings)
    {
        ["IamGateway:Versions:Discovery:Path"] = "/health",
        ["IamGateway:Versions:Discovery:JsonField"] = "version",
        ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
    };

    [Theory]
    [InlineData("rollout.mjs")]
    [InlineData("keyboard.mjs")]
    public async Task Console_InABrowser_SteersTheGateway(string script)
    {
        await using var gateway = await Gateway.StartAsync(_iam, Settings());

        await DriveAsync(script, gateway);
    }

    [Fact]
    public async Task Console_WhenThingsGoWrong_SaysSoAndRecovers()
    {
        await _redis.StartAsync();
        var settings = Settings();
        settings["ConnectionStrings:Redis"] = _redis.ConnectionString;
        settings["IamGateway:Store:Timeout"] = "00:00:01";
        settings["IamGateway:RequestTimeout"] = "00:00:01";
        await using var gateway = await Gateway.StartAsync(_iam, settings);
        var admin = $"http://127.0.0.1:{Ports.Next()}";
        settings["Kestrel:Endpoints:Admin:Url"] = admin;
        await using var other = GatewayProcess.Start(Gateway.Arguments(_iam, settings));
        await other.UntilReadyAsync(admin);
        await using var control = await Backend.StartAsync("0.0.0", http => http.Request.Path.Value switch
        {
            "/replica/stop" => other.SignalAsync("STOP"),
            "/replica/continue" => other.SignalAsync("CONT"),
            "/redis/kill" => _redis.KillAsync(),
            "/redis/start" => _redis.StartAsync(),
            _ => throw new InvalidOperationException($"There is no {http.Request.Path}."),
        });

        await DriveAsync("troubles.mjs", gateway, control.Address);
    }

    [Fact]
    public async Task Console_AtAnOpenIdProvider_LogsIn()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        var settings = new Dictionary<string, string?>(new AdminServer().Settings);
        foreach (var (key, value) in ConsoleOidcTests.Settings(provider.Issuer))
            settings[key] = value;
        await using var gateway = await Gateway.StartAsync(_iam, settings);
        await using var control = await Backend.StartAsync("0.0.0", http =>
        {
            provider.Role = http.Request.Path == "/role/none" ? null : http.Request.Path.Value!.Split('/')[2];
            return Task.CompletedTask;
        });

        await DriveAsync("login.mjs", gateway, control.Address);
    }

    private async Task DriveAsync(string script, Gateway gateway, Uri? control = null)
    {
        var folder = Repository.Path("tests/console");
        Assert.True(
            Directory.Exists(Path.Combine(folder, "node_modules")),
            "The browser's driver is not installed: npm ci --prefix tests/console");
        var pictures = Directory.CreateTempSubdirectory("iamgw-console-").FullName;
        output.WriteLine($"Pictures: {pictures}");
        var given = JsonSerializer.Serialize(new
        {
            admin = gateway.AdminAddress,
            proxy = gateway.Proxy,
            adminKey = Gateway.Key,
            operatorKey = AdminServer.OperatorKey,
            viewerKey = AdminServer.ViewerKey,
            control,
            pictures,
        });
        await using var node = ServerProcess.Start("node", [Path.Combine(folder, script), given]);
        using var patience = new CancellationTokenSource(Patience);
        await node.Process.WaitForExitAsync(patience.Token);

        Assert.True(node.Process.ExitCode == 0, $"{script} (pictures: {pictures}): {node.Output}");
        // Every reader of the output has come to its end with the process.
        Assert.Contains("done", node.Output, StringComparison.Ordinal);
    }
}
