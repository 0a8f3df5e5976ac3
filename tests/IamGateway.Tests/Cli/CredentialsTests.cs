namespace IamGateway.Tests.Cli;

public sealed class CredentialsTests : IAsyncLifetime
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("iamgw-");
    private StubApi _api = null!;

    public async ValueTask InitializeAsync() =>
        _api = (await StubApi.StartAsync()).On("GET /api/v1/weights", SomeAnswers.Weights);

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _home.Delete(recursive: true);
    }

    [Fact]
    public async Task Key_OfTheEnvironment_GoesBeforeAllOthers()
    {
        var run = Run(("IAMGW_API_KEY", "one"), ("IAMGW_API_KEY_FILE", Write("two", Owner)), ("IAMGW_TOKEN", "three"));

        var request = await AskAsync(run, "");

        Assert.Equal("one", request.Headers["X-Api-Key"]);
        Assert.False(request.Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task KeyFile_NamedByTheEnvironment_IsReadWithoutItsLineEnd()
    {
        var request = await AskAsync(Run(("IAMGW_API_KEY_FILE", Write("two\n", Owner))), "");

        Assert.Equal("two", request.Headers["X-Api-Key"]);
    }

    [Fact]
    public async Task Token_OfTheEnvironment_IsABearer()
    {
        var request = await AskAsync(Run(("IAMGW_TOKEN", "three")), "");

        Assert.Equal("Bearer three", request.Headers["Authorization"]);
        Assert.False(request.Headers.ContainsKey("X-Api-Key"));
    }

    [Fact]
    public async Task KeyFile_InTheHomeDirectory_IsReadWhenNothingElseIsThere()
    {
        Directory.CreateDirectory(Path.Combine(_home.FullName, ".config/iamgw"));
        File.Move(Write("four", Owner), Path.Combine(_home.FullName, ".config/iamgw/key"));

        Assert.Equal("four", (await AskAsync(Run(), "")).Headers["X-Api-Key"]);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    public async Task KeyFile_OpenToOthers_IsUsedWithAWarning(UnixFileMode others)
    {
        var file = Write("two", Owner | others);

        var request = await AskAsync(
            Run(("IAMGW_API_KEY_FILE", file)),
            $"warning: {file} can be read or written by other users; chmod 600 {file}\n");

        Assert.Equal("two", request.Headers["X-Api-Key"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines")]
    [InlineData("schlüssel")]
    public async Task KeyFile_WithoutAKey_EndsWith2AndDoesNotShowWhatIsThere(string content)
    {
        var run = Run(("IAMGW_API_KEY_FILE", Write(content, Owner)));

        var (code, _, errors) = await run.RunAsync(_api.Address, "weights");

        Assert.Equal(2, code);
        Assert.DoesNotContain("lines", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("schl", errors, StringComparison.Ordinal);
        Assert.Empty(_api.Requests);
    }

    [Fact]
    public async Task KeyFile_ThatIsNotThere_EndsWith2AndNamesIt()
    {
        var (code, _, errors) = await Run(("IAMGW_API_KEY_FILE", "/nonexistent/key")).RunAsync(_api.Address, "weights");

        Assert.Equal(2, code);
        Assert.Contains("/nonexistent/key", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_OfNobody_AnswerOf401SaysHowToGiveThem()
    {
        _api.On("GET /api/v1/weights", StubAnswer.Problem(401, "Send a key."));

        var (code, _, errors) = await Run().RunAsync(_api.Address, "weights");

        Assert.Equal(4, code);
        Assert.Contains("IAMGW_API_KEY_FILE", errors, StringComparison.Ordinal);
        Assert.Contains("~/.config/iamgw/key", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_ThatAreWrong_AnswerOf401NamesTheirSourceAndNotThem()
    {
        _api.On("GET /api/v1/weights", StubAnswer.Problem(401, "Send a key."));

        var result = await Run(("IAMGW_TOKEN", "the-secret")).RunAsync(_api.Address, "weights");

        Assert.Equal(new IamgwResult(4, "", "The gateway does not accept the credentials from IAMGW_TOKEN.\n"), result);
    }

    private async Task<StubRequest> AskAsync(IamgwRun run, string expectedErrors)
    {
        var (code, _, errors) = await run.RunAsync(_api.Address, "weights");

        Assert.Equal((0, expectedErrors), (code, errors));
        return Assert.Single(_api.Requests);
    }

    private IamgwRun Run(params (string Name, string Value)[] variables)
    {
        var run = new IamgwRun { Home = _home.FullName };
        run.Environment.Clear();
        foreach (var (name, value) in variables)
            run.Environment[name] = value;
        return run;
    }

    private string Write(string content, UnixFileMode mode)
    {
        var file = Path.Combine(_home.FullName, "a-key");
        File.WriteAllText(file, content);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, mode);
        return file;
    }
}
