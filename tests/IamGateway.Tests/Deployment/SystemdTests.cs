using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;

namespace IamGateway.Tests.Deployment;

/// <summary>The unit for machines without containers, and what the gateway tells systemd.</summary>
public sealed partial class SystemdTests : IDisposable
{
    private static readonly string Unit = Repository.Read("config/systemd/iamgateway.service");
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-systemd-");

    [Fact]
    public async Task Unit_VerifiedBySystemd_HasNothingToSay()
    {
        var (code, output) = await AnalyzeAsync("verify", UnitForThisMachine());

        Assert.Equal((0, ""), (code, output));
    }

    [Fact]
    public async Task Unit_RatedBySystemd_IsAsTheReadmeSays()
    {
        var (code, output) = await AnalyzeAsync("security", "--offline=true", UnitForThisMachine());

        var rating = Exposure().Match(output).Groups[1].Value;

        Assert.Equal(0, code);
        Assert.True(double.Parse(rating, CultureInfo.InvariantCulture) < 2, output);
        // Releases of systemd rate alike, but not to the decimal.
        var documented = Regex.Match(Repository.Read("README.md"), @"rates it ([\d.]+) \(OK\)").Groups[1].Value;
        Assert.Equal(
            double.Parse(documented, CultureInfo.InvariantCulture),
            double.Parse(rating, CultureInfo.InvariantCulture), tolerance: 0.5);
    }

    [Fact]
    public void Unit_Times_AreLongerThanTheGatewaysOwn()
    {
        var stop = Regex.Match(Unit, @"^TimeoutStopSec=(\d+)$", RegexOptions.Multiline).Groups[1].Value;
        var options = new IamGateway.Configuration.GatewayOptions();

        Assert.True(int.Parse(stop) > (options.ShutdownDelay + options.ShutdownTimeout).TotalSeconds + 15);
        Assert.Contains(
            $"RestartPreventExitStatus={GatewayHost.ConfigurationExitCode}\n", Unit, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gateway_StartedWithANotifySocket_SaysWhenItIsReadyAndWhenItStops()
    {
        var path = Path.Combine(_directory.FullName, "notify");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        var arguments = GatewayProcess.Arguments();
        var admin = arguments.Single(a => a.StartsWith("--Kestrel:Endpoints:Admin:Url=", StringComparison.Ordinal))
            .Split('=', 2)[1];
        await using var gateway = GatewayProcess.Start(arguments, ("NOTIFY_SOCKET", path));

        Assert.Contains("READY=1", await ReceiveAsync(socket), StringComparison.Ordinal);
        Assert.NotEqual(0, await GatewayProcess.ReadyAsync(admin));

        await gateway.SignalAsync("TERM");
        Assert.Contains("STOPPING=1", await ReceiveAsync(socket), StringComparison.Ordinal);
        await gateway.Process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, gateway.Process.ExitCode);
    }

    public void Dispose() => _directory.Delete(recursive: true);

    // The program that the unit starts need not be on this machine.
    private string UnitForThisMachine()
    {
        var file = Path.Combine(_directory.FullName, "iamgateway.service");
        File.WriteAllText(
            file, Unit.Replace("ExecStart=/usr/bin/dotnet ", "ExecStart=/bin/true ", StringComparison.Ordinal));
        return file;
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, patience.Token));
    }

    private static async Task<(int Code, string Output)> AnalyzeAsync(params string[] arguments)
    {
        using var analyze = Process.Start(new ProcessStartInfo("systemd-analyze", [.. arguments, "--no-pager"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = analyze.StandardOutput.ReadToEndAsync();
        var errors = analyze.StandardError.ReadToEndAsync();
        await analyze.WaitForExitAsync();
        return (analyze.ExitCode, await output + await errors);
    }

    [GeneratedRegex(@"exposure level for \S+: ([\d.]+)")]
    private static partial Regex Exposure();
}
