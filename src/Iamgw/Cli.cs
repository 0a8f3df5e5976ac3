using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Iamgw.Commands;

namespace Iamgw;

/// <summary>The whole command line: what it understands, and what it ends with.</summary>
internal static class Cli
{
    private const string About = """
        iamgw steers an IamGateway through its admin API.

        Credentials come from IAMGW_API_KEY, from the file that IAMGW_API_KEY_FILE names, from IAMGW_TOKEN (a bearer
        token) or from ~/.config/iamgw/key, the first that is there. They are never an argument.
        """;

    public static async Task<int> RunAsync(string[] args, Surroundings surroundings)
    {
        var parsed = Root(surroundings).Parse(args);
        var configuration = new InvocationConfiguration
        {
            Output = surroundings.Out,
            Error = surroundings.Error,
            EnableDefaultExceptionHandler = false,
        };
        if (parsed.Action is not ParseErrorAction)
            return await parsed.InvokeAsync(configuration);
        foreach (var error in parsed.Errors)
            surroundings.Error.WriteLine(error.Message);
        surroundings.Error.WriteLine($"See iamgw {Path(parsed.CommandResult)}--help.");
        return ExitCode.Usage;
    }

    public static RootCommand Root(Surroundings surroundings)
    {
        var verbs = new Verbs(surroundings);
        var root = new RootCommand(About);
        root.Add(verbs.Url);
        root.Add(verbs.Json);
        root.Add(StatusCommand.Of(verbs));
        root.Add(WeightsCommand.Of(verbs));
        root.Add(RolloutCommand.Of(verbs));
        root.Add(InstancesCommand.Of(verbs));
        root.Add(SessionsCommand.Of(verbs));
        root.Add(ReplicasCommand.Of(verbs));
        root.Add(EventsCommand.Of(verbs));
        root.Add(DoctorCommand.Of(verbs));
        root.Add(CompletionCommand.Of(verbs));
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        var help = new HelpOption("--help", "-h");
        help.Action = new HelpWithExitCodes((HelpAction)help.Action!, root);
        root.Add(help);
        return root;
    }

    private static string Path(System.CommandLine.Parsing.CommandResult command)
    {
        var names = new Stack<string>();
        for (var at = command; at.Parent is System.CommandLine.Parsing.CommandResult parent; at = parent)
            names.Push(at.Command.Name + " ");
        return string.Concat(names);
    }

    /// <summary>The help of the whole ends with the exit codes.</summary>
    private sealed class HelpWithExitCodes(HelpAction help, RootCommand root) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = help.Invoke(parseResult);
            if (parseResult.CommandResult.Command != root)
                return code;
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Exit codes:");
            foreach (var (exit, meaning) in ExitCode.All)
                output.WriteLine($"  {exit,-3} {meaning}");
            return code;
        }
    }
}
