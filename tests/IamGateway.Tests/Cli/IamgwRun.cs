using System.Text;
using IamGateway.Tests.Secrecy;
using Iamgw;

namespace IamGateway.Tests.Cli;

/// <summary>Runs the command line inside this process, with surroundings that the test chooses.</summary>
internal sealed class IamgwRun
{
    private readonly StringBuilder _output = new();

    public Dictionary<string, string> Environment { get; } = new() { ["IAMGW_API_KEY"] = "the-key" };

    public string Home { get; init; } = "/nonexistent";

    public string Input { get; init; } = "";

    public bool IsTerminal { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What has been printed until now.</summary>
    public string Printed
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public static Task<IamgwResult> AtAsync(Uri url, params string[] args) => new IamgwRun().RunAsync(url, args);

    public Task<IamgwResult> RunAsync(Uri url, params string[] args) => RunAsync([.. args, "--url", url.ToString()]);

    public async Task<IamgwResult> RunAsync(string[] args)
    {
        var errors = new StringWriter { NewLine = "\n" };
        var code = await global::Iamgw.Cli.RunAsync(args, new Surroundings
        {
            Out = new LockedWriter(_output),
            Error = errors,
            In = new StringReader(Input),
            IsOutputTerminal = IsTerminal,
            Environment = Environment,
            Home = Home,
            Time = Time,
            Refresh = TimeSpan.FromMilliseconds(5),
            Patience = Patience,
        });
        OutputWatch.Current?.Outputs.Of("output of iamgw").Write(Printed + errors);
        return new IamgwResult(code, Printed, errors.ToString());
    }

    private sealed class LockedWriter(StringBuilder text) : StringWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override string NewLine => "\n";

        public override void Write(char value)
        {
            lock (text)
                text.Append(value);
        }

        public override void Write(string? value)
        {
            lock (text)
                text.Append(value);
        }

        public override void WriteLine(string? value) => Write(value + NewLine);
    }
}

internal sealed record IamgwResult(int ExitCode, string Output, string Errors);
