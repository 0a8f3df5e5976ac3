using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Tests.Admin;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Startup;

/// <summary>The demo as its first user meets it: what it prints is typed literally.</summary>
public sealed partial class DemoModeTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-demo-");
    private readonly string _proxy = $"http://127.0.0.1:{Ports.Next()}";
    private readonly string _admin = $"http://127.0.0.1:{Ports.Next()}";
    private ServerProcess _process = null!;

    public async ValueTask InitializeAsync()
    {
        _process = GatewayProcess.Start(
            [], ("ASPNETCORE_ENVIRONMENT", "Development"), ("Kestrel__Endpoints__Proxy__Url", _proxy),
            ("Kestrel__Endpoints__Admin__Url", _admin));
        await _process.UntilReadyAsync(_admin);
        await _process.UntilAsync(
            () => Task.FromResult(_process.Output.Contains("Ctrl+C to end", StringComparison.Ordinal)));
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Commands_AsPrinted_LogInSetWeightsAndLookTheSessionUp()
    {
        var commands = _process.Output.Split('\n').Select(l => l.Trim())
            .Where(l => l.StartsWith("curl ", StringComparison.Ordinal)).ToArray();
        Assert.Equal(3, commands.Length);

        var me = JsonDocument.Parse(Last(await RunAsync(commands[0]))).RootElement;
        Assert.Equal(("ann", "8.2.1"), (me.Text("user"), me.Text("version")));

        var weights = JsonDocument.Parse(await RunAsync(commands[1])).RootElement;
        Assert.Equal("""{"8.2.1":50,"8.3.0":50}""", weights.GetProperty("weights").GetRawText());

        var session = JsonDocument.Parse(await RunAsync(commands[2])).RootElement;
        Assert.Equal("bucket inFlight key lastSeen version", session.Fields());
        Assert.Contains(session.Text("version"), (string[])["8.2.1", "8.3.0"]);
    }

    [Fact]
    public async Task Addresses_AsPrinted_AnswerAndTheKeyOpensTheAdminApi()
    {
        using var client = new HttpClient();
        var key = KeyPattern().Match(_process.Output).Groups[1].Value;
        OutputWatch.Current?.Secrets.Show(key);
        var urls = UrlPattern().Matches(_process.Output).Select(m => m.Value.TrimEnd(')', ',')).Distinct().ToArray();
        foreach (var url in urls)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Add("X-Api-Key", key);
            using var response = await client.SendAsync(request);
            // Two of the printed calls are no GET.
            Assert.True(
                response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.MethodNotAllowed
                || url.EndsWith("/otp", StringComparison.Ordinal) || url.EndsWith("/api/me", StringComparison.Ordinal),
                $"{url} {(int)response.StatusCode}");
        }

        Assert.Contains($"{_proxy}/ ", _process.Output, StringComparison.Ordinal);
    }

    private async Task<string> RunAsync(string command)
    {
        var start = new ProcessStartInfo("bash", ["-c", command])
        {
            WorkingDirectory = _directory.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var bash = Process.Start(start)!;
        var output = await bash.StandardOutput.ReadToEndAsync();
        await bash.WaitForExitAsync();
        Assert.True(bash.ExitCode == 0, $"{command}\n{output}");
        return output;
    }

    // What the steps of the log-in answer comes on one line with what the last one answers.
    private static string Last(string output) => output[output.LastIndexOf('{')..];

    [GeneratedRegex(@"API key\s+(\S+)")]
    private static partial Regex KeyPattern();

    [GeneratedRegex(@"http://127[^\s;]+")]
    private static partial Regex UrlPattern();
}
