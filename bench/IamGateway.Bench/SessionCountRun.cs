using System.Globalization;
using IamGateway.Bench.Figures;
using IamGateway.Bench.Load;
using IamGateway.Bench.Servers;

namespace IamGateway.Bench;

/// <summary>
/// What many live sessions cost: the same gateway with ten thousand and with a million of them in its store, in the
/// steady state and in the middle of a rollout; and the bytes that Redis needs for a session.
/// </summary>
internal sealed class SessionCountRun(BenchOptions options) : IDisposable
{
    private const int Connections = 32;
    private readonly Measuring _measuring = new(options);
    private readonly List<string> _bytes = [];

    public async Task<int> RunAsync()
    {
        var work = Directory.CreateTempSubdirectory("bench-");
        using var backend = await Backend.StartAsync(Path.Combine(work.FullName, "backend"));
        var groups = new List<Group>();
        foreach (var stage in new[] { Stage.Steady, Stage.MidRollout })
            groups.Add(await RunAsync(stage, backend, Path.Combine(work.FullName, $"{stage}")));
        var many = groups.Select(g => string.Create(
            CultureInfo.InvariantCulture,
            $"| {g.Subjects[1].Subject} | {g.Subjects[1].Ratio(g.Base, w => w.Cpu):0.00} "
            + $"| {g.Subjects[1].RatioOpen(g.Base, w => w.P50):0.00} | {g.Subjects[1].RatioOpen(g.Base, w => w.P99):0.00} |"));
        var table = $"""
            ### Many sessions to ten thousand: must reach 1.1, aim 1.0

            | what | CPU per request | p50 at half of saturation | p99 |
            |---|---:|---:|---:|
            {string.Join('\n', many)}

            Redis, bytes a session (must reach 130, aim 40): {string.Join("; ", _bytes)}

            {_measuring.Note}

            """;
        await Report.WriteAsync(options.Output, groups, table);
        await Report.PrintAsync(options.Output);
        work.Delete(recursive: true);
        return 0;
    }

    // As many requests for the clients to keep in each case, so that their memory does not make the difference.
    private static async Task RepeatAsync(string sessionFile, int count)
    {
        var lines = await File.ReadAllLinesAsync(sessionFile);
        await File.WriteAllLinesAsync(
            sessionFile, Enumerable.Range(0, count).Select(i => lines[i % lines.Length]));
    }

    // The first subject is what the others are compared with: here the gateway with few sessions.
    private async Task<Group> RunAsync(Stage stage, Backend backend, string folder)
    {
        var load = Load.Load.Of("100B");
        int[] counts = [10_000, options.Count];
        var subjects = counts.Select(c => new GatewaySubject($"{stage} {c}", stage)).ToArray();
        try
        {
            var series = subjects.Select(s => new Series(s.Name, [], [])).ToList();
            foreach (var (index, subject) in subjects.Index())
            {
                Console.Error.WriteLine($"starting {subject.Name}");
                var directory = Directory.CreateDirectory(Path.Combine(folder, $"{index}")).FullName;
                await subject.StartAsync(backend, directory, load, options.WithSessions(counts[index]));
                var bytes = (subject.Redis!.UsedMemory() - subject.RedisBytesAtStart) / counts[index];
                _bytes.Add($"{subject.Name}: {bytes}");
                await RepeatAsync(subject.SessionFile, options.Count);
                // Each comes twice, as live sessions do: in a rollout a replica asks for each at its first request.
                do
                {
                    await ClosedAsync(subject, load, options.WarmUpSeconds);
                }
                while (Turn.Of(subject.SessionFile) < 2 * options.Count);
            }

            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var (index, subject) in subjects.Index())
                    series[index].Closed.Add(await _measuring.TakeAsync(subject, s => ClosedAsync(subject, load, s)));
            }

            // Of the one that takes less: many sessions share few leases, so there the store is asked more often.
            var rate = series.Min(s => s.Of(w => w.PerSecond)) / 2;
            // Once, for the requests of a million sessions take the clients longer to make than to send.
            var clients = subjects.Select(s => new OpenLoop(s.Ports, load, s.SessionFile, Connections, rate)).ToArray();
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var (index, subject) in subjects.Index())
                    series[index].Open.Add(await _measuring.TakeAsync(subject, clients[index].RunAsync));
            }

            return new Group(load.Name, Connections, rate, series);
        }
        finally
        {
            foreach (var subject in subjects)
                subject.Dispose();
        }
    }

    private static Task<Outcome> ClosedAsync(Subject subject, Load.Load load, double seconds) =>
        ClosedLoop.RunAsync(subject.Ports, load, subject.SessionFile, Connections, seconds);

    public void Dispose() => _measuring.Dispose();
}
