using System.CommandLine;
using Iamgw;

namespace IamGateway.Tests.Cli;

public sealed class HelpTests
{
    [Fact]
    public async Task Help_OfTheWhole_ListsTheExitCodes()
    {
        var (code, output, _) = await new IamgwRun().RunAsync(["--help"]);

        Assert.Equal(0, code);
        Assert.All(ExitCode.All, e => Assert.Contains($"{e.Code,-3} {e.Meaning}", output, StringComparison.Ordinal));
    }

    [Fact]
    public void Readme_ExitCodes_AreThoseOfTheProgram() => Assert.Equal(
        ExitCode.All.Select(e => $"{e.Code}: {e.Meaning}"),
        Repository.ReadmeTable("Exit codes").Select(r => $"{r[0]}: {r[1]}"));

    [Fact]
    public void Readme_Commands_AreThoseOfTheProgram()
    {
        var documented = Repository.ReadmeTable("Command line").SelectMany(r => r[0].Split(", ")).Select(c =>
            string.Join(' ', c.Split(' ').Skip(1).TakeWhile(w => char.IsLower(w[0]))));

        Assert.Equal(Commands(Root(), "").Order(), documented.Order());
    }

    [Fact]
    public async Task EveryCommand_HasHelp()
    {
        foreach (var command in Commands(Root(), ""))
        {
            var (code, output, _) = await new IamgwRun().RunAsync([.. command.Split(' '), "--help"]);

            Assert.Equal(0, code);
            Assert.Contains($" {command} ", output, StringComparison.Ordinal);
        }
    }

    private static RootCommand Root() => global::Iamgw.Cli.Root(new Surroundings
    {
        Out = TextWriter.Null,
        Error = TextWriter.Null,
        In = TextReader.Null,
        Environment = new Dictionary<string, string>(),
        Home = "/nonexistent",
    });

    /// <summary>The commands that do something, each with the ones above it.</summary>
    private static IEnumerable<string> Commands(Command command, string path) => command.Subcommands.SelectMany(c =>
    {
        var name = $"{path} {c.Name}".TrimStart();
        return c.Subcommands.Count == 0 ? [name] : Commands(c, name);
    });
}
