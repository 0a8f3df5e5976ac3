using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Rollouts;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Cli;

/// <summary>The program against a real gateway in front of two instances of 8.2.1 and two of 8.3.0.</summary>
public sealed class IamgwProcessTests : IAsyncLifetime
{
    private RolloutSite _site = null!;

    public async ValueTask InitializeAsync() => _site = await RolloutSite.StartAsync();

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Fact]
    public async Task Commands_OneAfterTheOther_DoWhatTheySay()
    {
        Assert.Matches(@"8\.2\.1 +active +100 %", await OkAsync("status"));
        Assert.Matches("applied by every replica", await OkAsync("weights set 8.2.1=90 8.3.0=10"));
        Assert.Matches(@"8\.3\.0 +10 %", await OkAsync("weights get"));
        var weights = JsonDocument.Parse(await OkAsync("weights --json")).RootElement.GetProperty("weights");
        Assert.Equal(10, weights.GetProperty("8.3.0").GetInt32());

        Assert.Contains("old-1 is drained", await OkAsync("instances drain old-1 --wait 30"), StringComparison.Ordinal);
        Assert.Matches(@"old-1 +8\.2\.1 .*drained", await OkAsync("instances list"));
        Assert.Contains("instance old-1: It is drained", await OkAsync("doctor"), StringComparison.Ordinal);
        Assert.Contains("old-1 is active", await OkAsync("instances resume old-1"), StringComparison.Ordinal);

        Assert.Contains("answers", await OkAsync("replicas"), StringComparison.Ordinal);
        Assert.Contains("test-admin weights.set", await OkAsync("events"), StringComparison.Ordinal);
        Assert.Matches(
            "All 12 preconditions hold", await OkAsync("rollout start --to 8.3.0 --schema-upgraded --dry-run"));
    }

    [Theory]
    [InlineData("rollout start --to 8.2.0", 1, "target_higher")]
    [InlineData("weights set 8.2.1=50", 1, "100")]
    [InlineData("instances drain nobody", 5, "There is no instance 'nobody'")]
    [InlineData("rollout watch", 5, "There has been no rollout yet.")]
    [InlineData("replicas forget nobody", 5, "There is no replica 'nobody'")]
    [InlineData("rollout revoke", 2, "--confirm")]
    public async Task Command_ThatCannotBe_EndsWithItsCodeAndOneReason(string line, int expected, string words)
    {
        var (code, output, errors) = await IamgwProcess.RunAsync(_site.Gateway, line);

        Assert.Equal((expected, ""), (code, output));
        Assert.Contains(words, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_AnInstanceIsGone_FindsIt()
    {
        await _site.Gateway.SetWeightsAsync(("8.2.1", 90), ("8.3.0", 10));
        Assert.Contains("Nothing is wrong", await OkAsync("doctor"), StringComparison.Ordinal);

        await OkAsync("instances drain new-1");
        var (code, output, _) = await IamgwProcess.RunAsync(_site.Gateway, "doctor");

        Assert.Equal(1, code);
        Assert.Contains("wrong version 8.3.0: 1 usable instance", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lookup_OfALoggedInUser_SaysWhereTheSessionLives()
    {
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false });
        var browser = new Browser(http, () => _site.Gateway.Proxy, "ann");
        await browser.LogInAsync();
        var handle = browser.Handles.Last();

        var (code, output, errors) = await IamgwProcess.RunAsync(_site.Gateway, "sessions lookup", handle + "\n");

        Assert.Equal((0, ""), (code, errors));
        Assert.Matches(@"Version +8\.2\.1", output);
        Assert.DoesNotContain(handle, output, StringComparison.Ordinal);
        Assert.Equal(5, (await IamgwProcess.RunAsync(_site.Gateway, "sessions lookup", "nobody's")).ExitCode);
    }

    [Fact]
    public async Task Follow_WeightsChange_ShowsTheEventAndEndsWith130()
    {
        await using var follow = IamgwProcess.Start(_site.Gateway, "events --follow");
        await ShowsAsync("replica.joined");

        await _site.Gateway.SetWeightsAsync(("8.2.1", 90), ("8.3.0", 10));

        await ShowsAsync("weights.set");
        await follow.SignalAsync("INT");
        // Where whoever started this has the signal ignored it never ends.
        await follow.Process.WaitForExitAsync().WaitAsync(
            TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(130, follow.Process.ExitCode);

        Task ShowsAsync(string what) =>
            follow.UntilAsync(() => Task.FromResult(follow.Output.Contains(what, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Rollout_WatchedInATerminal_IsRedrawnUntilItIsCompleted()
    {
        await _site.LogInAsync(5);

        var (code, output, _) = await IamgwProcess.RunInTerminalAsync(
            _site.Gateway,
            "rollout start --to 8.3.0 --schema-upgraded --steps 50:2s,100 --min-requests 0 --drain-deadline 2s --watch",
            100, 30);

        Assert.Equal(0, code);
        // Each redraw goes up to the title again; the last one is what stays.
        var frames = output.Split("Rollout 8.2.1 ");
        Assert.True(frames.Length > 3, output);
        Assert.Contains('\e', output);
        var last = Plain(frames[^1]);
        Assert.Contains("completed after", last, StringComparison.Ordinal);
        Assert.Contains("100 % of new sessions to 8.3.0", last, StringComparison.Ordinal);
        Assert.Contains("step 1 of 2", Plain(output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rollout_TakenBackWhileItIsWatched_EndsWith6()
    {
        await _site.BeginAsync("\"steps\":[{\"weight\":10,\"hold\":\"manual\"}]");
        var watched = IamgwProcess.RunAsync(_site.Gateway, "rollout watch");
        await _site.UntilWaitingAsync("manual", 0);

        Assert.Contains(
            "paused, step 1 of 2 at 10 % (paused by hand)", await OkAsync("rollout pause"), StringComparison.Ordinal);
        Assert.Contains("progressing", await OkAsync("rollout resume"), StringComparison.Ordinal);
        Assert.Contains("aborted (aborted by hand)", await OkAsync("rollout abort"), StringComparison.Ordinal);

        var (code, output, _) = await watched;
        Assert.Equal(6, code);
        Assert.Contains("aborted: aborted by hand (test-admin)", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Completion_InBash_CompletesCommandsOptionsAndTheirValues()
    {
        const string Script = """
            iamgw() { dotnet "$IAMGW_DLL" "$@"; }
            source <(iamgw completion bash)
            complete -p iamgw >/dev/null || exit 1
            for line in "iamgw ro" "iamgw rollout p" "iamgw rollout start --on-failure "; do
                COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=($line)
                [[ $line == *" " ]] && COMP_WORDS+=("")
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _iamgw
                echo "${COMPREPLY[*]}"
            done
            """;
        var start = new ProcessStartInfo("bash", ["--norc", "-c", Script]) { RedirectStandardOutput = true };
        start.Environment["IAMGW_DLL"] = Path.Combine(AppContext.BaseDirectory, "iamgw.dll");
        using var bash = Process.Start(start)!;
        var output = await bash.StandardOutput.ReadToEndAsync();
        await bash.WaitForExitAsync();

        Assert.Equal("rollout\npause promote\nabort pause\n", output);
    }

    private async Task<string> OkAsync(string line)
    {
        var (code, output, errors) = await IamgwProcess.RunAsync(_site.Gateway, line);
        Assert.True(code == 0, $"iamgw {line} ends with {code}: {output}{errors}");
        return output;
    }

    private static string Plain(string text) => Regex.Replace(text, @"\e\[[0-9;?]*[A-Za-z]", "");
}
