using System.Globalization;
using System.Text.Json;
using IamGateway.Tests.Servers;
using Iamgw.Events;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Cli;

/// <summary>The whole audit log, for programs: to standard output and to a file that is written on.</summary>
public sealed class EventExportTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iamgw-events-");
    private readonly List<LoggedEvent> _log = [];
    private Backend _gateway = null!;

    private sealed record LoggedEvent(string Id, DateTimeOffset At, string Who);

    private string File => Path.Combine(_folder.FullName, "audit.jsonl");

    public async ValueTask InitializeAsync() => _gateway = await Backend.StartAsync("stub", AnswerAsync);

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    // As the API answers: oldest first, what comes after an ID, so many at most.
    private async Task AnswerAsync(HttpContext http)
    {
        var after = long.Parse(http.Request.Query["after"]!, CultureInfo.InvariantCulture);
        var limit = int.Parse(http.Request.Query["limit"]!, CultureInfo.InvariantCulture);
        await http.Response.WriteAsJsonAsync(
            _log.Where(e => long.Parse(e.Id, CultureInfo.InvariantCulture) > after).Take(limit));
    }

    private void Record(int first, int count, string who = "ops", int day = 1) => _log.AddRange(
        Enumerable.Range(first, count).Select(i => new LoggedEvent(
            $"{i}", new DateTimeOffset(2026, 3, day, 3, 0, 0, TimeSpan.Zero).AddSeconds(i), who)));

    private Task<IamgwResult> RunAsync(params string[] args) => IamgwRun.AtAsync(_gateway.Address, ["events", .. args]);

    private static IEnumerable<int> Ids(string lines) => lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(l => int.Parse(
            JsonDocument.Parse(l).RootElement.GetProperty("id").GetString()!, CultureInfo.InvariantCulture));

    private string Written => System.IO.File.ReadAllText(File);

    [Theory]
    [InlineData(0)]
    [InlineData(499)]
    [InlineData(500)]
    [InlineData(1234)]
    public async Task All_AsJson_IsEachEventOnceAndALineForEach(int count)
    {
        Record(1, count);

        var (code, output, errors) = await RunAsync("--all", "--json");

        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(Enumerable.Range(1, count), Ids(output));
    }

    [Fact]
    public async Task All_AfterAnEvent_IsWhatCameLater()
    {
        Record(1, 700);

        var (_, output, errors) = await RunAsync("--all", "--json", "--after", "600");

        Assert.Equal("", errors);
        Assert.Equal(Enumerable.Range(601, 100), Ids(output));
    }

    [Fact]
    public async Task Output_OfAnotherRun_GoesOnAfterTheLastEventInTheFile()
    {
        Record(1, 20);
        var first = await RunAsync("--output", File);
        Record(21, 3);
        var second = await RunAsync("--output", File);
        var third = await RunAsync("--output", File, "--json");

        Assert.Equal(new IamgwResult(0, $"20 events written to {File}; the last one in it is 20.\n", ""), first);
        Assert.Equal(new IamgwResult(0, $"3 events written to {File}; the last one in it is 23.\n", ""), second);
        Assert.Equal(new IamgwResult(0, "", ""), third);
        Assert.Equal(Enumerable.Range(1, 23), Ids(Written));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"i")]
    [InlineData("{\"id\":\"11\",\"at\":\"2026-03-0")]
    public async Task Output_RunWasCutOffInALine_WritesThatEventAgain(string rest)
    {
        Record(1, 10);
        await RunAsync("--output", File);
        await System.IO.File.AppendAllTextAsync(File, rest);
        Record(11, 2);

        Assert.Equal(0, (await RunAsync("--output", File)).ExitCode);

        Assert.Equal(Enumerable.Range(1, 12), Ids(Written));
    }

    [Fact]
    public async Task Output_LastLineIsLong_IsReadWhole()
    {
        Record(1, 2, who: new string('x', 100_000));
        await RunAsync("--output", File);

        await RunAsync("--output", File);

        Assert.Equal([1, 2], Ids(Written));
    }

    [Fact]
    public async Task Output_OldestEventsAreGone_SaysThatSomeMayBeMissing()
    {
        Record(1, 10);
        await RunAsync("--output", File);
        _log.Clear();
        Record(15, 5);

        var (code, _, errors) = await RunAsync("--output", File);

        Assert.Equal(0, code);
        Assert.Contains("does not hold event 10 any more", errors, StringComparison.Ordinal);
        Assert.Equal([.. Enumerable.Range(1, 10), .. Enumerable.Range(15, 5)], Ids(Written));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(12)]
    public async Task Output_EmbeddedLogHasBegunAnew_HasAllOfTheNewOne(int count)
    {
        Record(1, 10);
        await RunAsync("--output", File);
        _log.Clear();
        Record(1, count, "somebody", day: 2);

        var (_, _, errors) = await RunAsync("--output", File);

        Assert.Contains("does not hold event 10 any more", errors, StringComparison.Ordinal);
        Assert.Equal([.. Enumerable.Range(1, 10), .. Enumerable.Range(1, count)], Ids(Written));
    }

    [Theory]
    [InlineData("a letter\n")]
    [InlineData("a letter")]
    [InlineData("{\"id\":7}\nno event\n")]
    [InlineData("[]\n")]
    [InlineData("\n")]
    public async Task Output_FileOfSomethingElse_IsLeftAsItIs(string content)
    {
        await System.IO.File.WriteAllTextAsync(File, content);

        var (code, output, errors) = await RunAsync("--output", File);

        Assert.Equal((2, ""), (code, output));
        Assert.Contains("something else than events", errors, StringComparison.Ordinal);
        Assert.Equal(content, Written);
    }

    [Fact]
    public async Task Output_FileThatCannotBeWritten_EndsWith2()
    {
        var (code, _, errors) = await RunAsync("--output", Path.Combine(_folder.FullName, "missing", "audit.jsonl"));

        Assert.Equal(2, code);
        Assert.Contains("correct --output", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_FileWithEventsAndAPlaceGiven_IsRefused()
    {
        Record(1, 3);
        await RunAsync("--output", File, "--after", "1");
        Assert.Equal([2, 3], Ids(Written));

        Assert.Equal(2, (await RunAsync("--output", File, "--after", "1")).ExitCode);

        Assert.Equal([2, 3], Ids(Written));
    }

    [Theory]
    [InlineData("57", "56")]
    [InlineData("1767225600000-5", "1767225600000-4")]
    [InlineData("1767225600000-0", "1767225599999-999999999999999999")]
    [InlineData("0", null)]
    [InlineData("0-0", null)]
    [InlineData("abc", null)]
    [InlineData("1-2-3", null)]
    [InlineData("99999999999999999999", null)]
    [InlineData("", null)]
    public void Place_IdBefore_IsWhereTheEventComesFirst(string id, string? before) =>
        Assert.Equal(before, new EventPlace(id, null).Before());
}
