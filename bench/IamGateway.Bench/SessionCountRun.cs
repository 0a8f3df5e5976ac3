using System.Globalization;
using IamGateway.Bench.Figures;
using IamGateway.Bench.Load;
using IamGateway.Bench.Servers;

namespace IamGateway.Bench;

/// <summary>
/// What many live sessions cost: the same gateway with ten thousand and with a million of them in its store, in the
/// steady state and in the middle of a rollout; and the bytes that Redis needs for a session. As two processes of one
/// build differ by themselves, the one with a million is compared with itself, too, while only ten thousand come.
/// </summary>
internal sealed class SessionCountRun(BenchOptions options) : IDisposable
{
    private const int Connections = 32;
    private const int Few = 10_000;
    private static readonly Load.Load Small = Load.Load.Of("100B");
    private readonly Measuring _measuring = new(options);
    private readonly List<string> _bytes = [];

    public async Task<int> RunAsync()
    {
        var work = Directory.CreateTempSubdirectory("bench-");
        using var backend = await Backend.StartAsync(Path.Combine(work.FullName, "backend"));
        var groups = new List<Group>();
        foreach (var stage in new[] { Stage.Steady, Stage.MidRollout })
            groups.Add(await RunAsync(stage, backend, Path.Combine(work.FullName, $"{stage}")));
        var rows = groups.SelectMany(g => (string[])[Row(g.Subjects[1], g.Base), Row(g.Subjects[1], g.Subjects[2])]);
        var table = $"""
            ### Many sessions to ten thousand: must reach 1.1, aim 1.0

            | what | to | CPU per request | p50 at half of saturation | p99 |
            |---|---|---:|---:|---:|
            {string.Join('\n', rows)}

            Redis, bytes a session (must reach 130, aim 40): {string.Join("; ", _bytes)}

            {_measuring.Note}

            """;
        await Report.WriteAsync(options.Output, groups, table);
        await Report.PrintAsync(options.Output);
        work.Delete(recursive: true);
        return 0;
    }

    private static string Row(Series many, Series few) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {many.Subject} | {few.Subject} | {many.Ratio(few, w => w.Cpu):0.00} "
        + $"| {many.RatioOpen(few, w => w.P50):0.00} | {many.RatioOpen(few, w => w.P99):0.00} |");

    // The first one is what the others are compared with: here the gateway with few sessions.
    private async Task<Group> RunAsync(Stage stage, Backend backend, string folder)
    {
        using var few = new GatewaySubject($"{stage} {Few}", stage);
        using var many = new GatewaySubject($"{stage} {options.Count}", stage);
        await StartAsync(few, Few, backend, Path.Combine(folder, "few"));
        await StartAsync(many, options.Count, backend, Path.Combine(folder, "many"));
        Case[] cases =
        [
            new(few.Name, few, await RepeatAsync(few.SessionFile, Few)),
            new(many.Name, many, await RepeatAsync(many.SessionFile, options.Count)),
            new($"{many.Name}, {Few} come", many, await RepeatAsync(many.SessionFile, Few)),
        ];
        // Each comes twice, as live sessions do: in a rollout a replica asks for each at its first request.
        foreach (var it in cases[..2])
        {
            while (Turn.Of(it.SessionFile) < 2 * options.Count)
                await ClosedAsync(it, options.WarmUpSeconds);
        }

        var series = Array.ConvertAll(cases, c => new Series(c.Name, [], []));
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (index, it) in cases.Index())
                series[index].Closed.Add(await _measuring.TakeAsync(it.Subject, s => ClosedAsync(it, s)));
        }

        // Of the one that takes least: many sessions share few leases, so there the store is asked more often.
        var rate = series.Min(s => s.Of(w => w.PerSecond)) / 2;
        // Once, for the requests of a million sessions take the clients longer to make than to send.
        var clients = Array.ConvertAll(
            cases, c => new OpenLoop(c.Subject.Ports, Small, c.SessionFile, Connections, rate));
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (index, it) in cases.Index())
                series[index].Open.Add(await _measuring.TakeAsync(it.Subject, clients[index].RunAsync));
        }

        return new Group(Small.Name, Connections, rate, [.. series]);
    }

    private async Task StartAsync(GatewaySubject subject, int count, Backend backend, string folder)
    {
        Console.Error.WriteLine($"starting {subject.Name}");
        Directory.CreateDirectory(folder);
        await subject.StartAsync(backend, folder, Small, options.WithSessions(count));
        _bytes.Add($"{subject.Name}: {(subject.Redis!.UsedMemory() - subject.RedisBytesAtStart) / count}");
    }

    // The first of its sessions. As many requests for the clients to keep in each case, so that their memory does not
    // make the difference.
    private async Task<string> RepeatAsync(string sessionFile, int first)
    {
        var lines = await File.ReadAllLinesAsync(sessionFile);
        var file = $"{sessionFile}-{first}";
        await File.WriteAllLinesAsync(file, Enumerable.Range(0, options.Count).Select(i => lines[i % Math.Min(first, lines.Length)]));
        return file;
    }

    private static Task<Outcome> ClosedAsync(Case it, double seconds) =>
        ClosedLoop.RunAsync(it.Subject.Ports, Small, it.SessionFile, Connections, seconds);

    public void Dispose() => _measuring.Dispose();

    /// <summary>A gateway, and those of its sessions that come.</summary>
    private sealed record Case(string Name, GatewaySubject Subject, string SessionFile);
}
