using System.Diagnostics;
using System.Net.Sockets;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>The gateway as its users run it: <c>dotnet IamGateway.dll</c>.</summary>
internal static class GatewayProcess
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "IamGateway.dll");

    /// <summary>The least that starts in Production: one instance, one rule, loopback listeners.</summary>
    public static Dictionary<string, string?> Minimal() => new()
    {
        ["environment"] = "Production",
        ["Kestrel:Endpoints:Proxy:Url"] = $"http://127.0.0.1:{Ports.Next()}",
        ["Kestrel:Endpoints:Admin:Url"] = $"http://127.0.0.1:{Ports.Next()}",
        ["IamGateway:Store:StateFile"] = "",
        ["IamGateway:Sessions:0:Name"] = "session",
        ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
        ["ReverseProxy:Routes:iam:ClusterId"] = "iam",
        ["ReverseProxy:Routes:iam:Match:Path"] = "{**rest}",
        ["ReverseProxy:Clusters:iam:Destinations:a:Address"] = "http://127.0.0.1:9",
        ["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = "8.2.1",
    };

    /// <summary>These settings over the minimal ones; null takes one away.</summary>
    public static string[] Arguments(params (string Key, string? Value)[] settings)
    {
        var all = Minimal();
        OutputWatch.LogAccess(all);
        foreach (var (key, value) in settings)
            all[key] = value;
        return [.. all.Where(s => s.Value is not null).Select(s => $"--{s.Key}={s.Value}")];
    }

    public static ServerProcess Start(
        IEnumerable<string> arguments, params (string Key, string? Value)[] environment) =>
        ServerProcess.Start("dotnet", [Program, .. arguments], Environment(environment));

    /// <summary>Runs one that ends by itself; returns its exit code and the lines of its error output.</summary>
    public static async Task<(int ExitCode, string[] Errors, string Output)> RunAsync(
        IEnumerable<string> arguments, params (string Key, string? Value)[] environment)
    {
        string[] line = [Program, .. arguments];
        var watched = WatchedProcess.Of("dotnet", line, Environment(environment));
        var start = new ProcessStartInfo("dotnet", line)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in Environment(environment))
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"The gateway is still running: {await output}{await errors}");
        }

        watched?.Printed(await errors + await output);
        return (process.ExitCode, (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries), await output);
    }

    public static Task UntilReadyAsync(this ServerProcess process, string admin) => process.UntilAsync(async () =>
        await ReadyAsync(admin) == 200);

    /// <summary>The status of /health/ready, or 0 when nothing answers.</summary>
    public static async Task<int> ReadyAsync(string admin)
    {
        using var client = new HttpClient { BaseAddress = new Uri(admin) };
        try
        {
            using var response = await client.GetAsync("/health/ready");
            return (int)response.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            return 0;
        }
    }

    // Nothing of what surrounds the test run.
    private static Dictionary<string, string?> Environment((string Key, string? Value)[] environment)
    {
        var all = new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = null,
            ["DOTNET_ENVIRONMENT"] = null,
            ["ASPNETCORE_URLS"] = null,
        };
        foreach (var (key, value) in environment)
            all[key] = value;
        return all;
    }
}
