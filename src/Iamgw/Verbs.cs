using System.CommandLine;

namespace Iamgw;

/// <summary>What all commands have in common: their options, and how they end.</summary>
internal sealed class Verbs(Surroundings surroundings)
{
    public const string UrlVariable = "IAMGW_URL";
    public const string DefaultUrl = "http://localhost:8081";

    public Option<string> Url { get; } = new("--url")
    {
        Description = $"Address of the gateway's admin listener [default: {UrlVariable}, else {DefaultUrl}]",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<bool> Json { get; } = new("--json")
    {
        Description = "Print the API's JSON and nothing else",
        Recursive = true,
    };

    public Command Command(
        string name, string description, Func<Call, CancellationToken, Task<int>> run, params Symbol[] symbols)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
        {
            if (symbol is Option option)
                command.Add(option);
            else if (symbol is Argument argument)
                command.Add(argument);
            else
                command.Add((Command)symbol);
        }

        command.SetAction((parsed, cancellation) => RunAsync(parsed, run, cancellation));
        return command;
    }

    private async Task<int> RunAsync(
        ParseResult parsed, Func<Call, CancellationToken, Task<int>> run, CancellationToken cancellation)
    {
        var isJson = parsed.GetValue(Json);
        try
        {
            using var call = new Call(surroundings, parsed, Address(parsed), isJson);
            return await run(call, cancellation);
        }
        catch (Failure failure)
        {
            if (isJson && failure.Answer is { IsJson: true, Body: var body })
                surroundings.Out.WriteLine(body);
            surroundings.Error.WriteLine(failure.Message);
            return failure.ExitCode;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
    }

    private Uri Address(ParseResult parsed)
    {
        var text = parsed.GetValue(Url) ?? surroundings.Variable(UrlVariable) ?? DefaultUrl;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            throw new Failure(
                ExitCode.Usage, $"'{Show.Clean(text)}' is not an address such as {DefaultUrl}; correct --url.");
        }

        return url.UserInfo.Length == 0
            ? url
            : throw new Failure(ExitCode.Usage, "The address must not hold credentials; others can see arguments.");
    }
}
