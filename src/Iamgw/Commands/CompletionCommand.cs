using System.CommandLine;

namespace Iamgw.Commands;

/// <summary>Scripts that ask the program itself what comes next, by System.CommandLine's directive.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # iamgw: completion for bash. In ~/.bashrc: source <(iamgw completion bash)
        _iamgw() {
            local candidates
            candidates=$("${COMP_WORDS[0]}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)
            local IFS=$'\n'
            COMPREPLY=($(compgen -W "${candidates}" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _iamgw iamgw
        """;

    private const string Zsh = """
        # iamgw: completion for zsh. In ~/.zshrc, after compinit: source <(iamgw completion zsh)
        _iamgw() {
            local -a candidates
            candidates=("${(@f)$("${words[1]}" "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -- "${candidates[@]}"
        }
        compdef _iamgw iamgw
        """;

    private const string Fish = """
        # iamgw: completion for fish. iamgw completion fish > ~/.config/fish/completions/iamgw.fish
        function __iamgw_candidates
            set -l line (commandline --cut-at-cursor)
            set -l words (commandline --tokenize)
            $words[1] "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c iamgw -f -a '(__iamgw_candidates)'
        """;

    public static Command Of(Verbs verbs)
    {
        var command = new Command("completion", "Print a script that completes iamgw's commands in a shell");
        foreach (var (shell, script) in new[] { ("bash", Bash), ("zsh", Zsh), ("fish", Fish) })
        {
            command.Add(verbs.Command(shell, $"Print the script for {shell}", (call, _) =>
            {
                call.Surroundings.Out.WriteLine(script.ReplaceLineEndings("\n"));
                return Task.FromResult(ExitCode.Ok);
            }));
        }

        return command;
    }
}
