using System.Diagnostics;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Cli;

/// <summary>The built program as its users run it.</summary>
internal static class IamgwProcess
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "iamgw.dll");

    public static async Task<IamgwResult> RunAsync(Gateway gateway, string line, string input = "")
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. line.Split(' ')]);
        return await RunAsync(start, gateway, input);
    }

    /// <summary>The same in a terminal of this size; standard output and error output are one there.</summary>
    public static Task<IamgwResult> RunInTerminalAsync(Gateway gateway, string line, int columns, int rows)
    {
        var start = new ProcessStartInfo(
            "script",
            ["-qec", $"stty cols {columns} rows {rows}; dotnet {Program} {line}", "/dev/null"]);
        start.Environment["TERM"] = "xterm-256color";
        return RunAsync(start, gateway, "");
    }

    /// <summary>One that goes on until it is stopped.</summary>
    public static ServerProcess Start(Gateway gateway, string line) => ServerProcess.Start(
        "dotnet", [Program, .. line.Split(' ')], Environment(gateway));

    private static async Task<IamgwResult> RunAsync(ProcessStartInfo start, Gateway gateway, string input)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach (var (name, value) in Environment(gateway))
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"It is still running: {await output}{await errors}");
        }

        OutputWatch.Current?.Outputs.Of("output of iamgw").Write(await output + await errors);
        return new IamgwResult(process.ExitCode, await output, await errors);
    }

    private static Dictionary<string, string?> Environment(Gateway gateway) => new()
    {
        ["IAMGW_URL"] = gateway.AdminAddress.ToString(),
        ["IAMGW_API_KEY"] = Gateway.Key,
        ["IAMGW_API_KEY_FILE"] = null,
        ["IAMGW_TOKEN"] = null,
        ["NO_COLOR"] = null,
    };
}
