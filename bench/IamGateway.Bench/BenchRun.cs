using System.Diagnostics;
using IamGateway.Bench.Figures;
using IamGateway.Bench.Load;
using IamGateway.Bench.Servers;

namespace IamGateway.Bench;

/// <summary>
/// Runs the plan: all subjects of a group are there at once, and take turns, window after window, so that whatever else
/// the machine does meets all of them.
/// </summary>
internal sealed class BenchRun(BenchOptions options) : IDisposable
{
    private const int MaxOpen = 256;
    private readonly Measuring _measuring = new(options);
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("bench-");
    private readonly long _started = Stopwatch.GetTimestamp();

    // At least one round of everything under way is brought to its end.
    private bool IsOver => Stopwatch.GetElapsedTime(_started).TotalMinutes > options.Minutes;

    public async Task<int> RunAsync()
    {
        var groups = new List<Group>();
        using var backend = await Backend.StartAsync(Path.Combine(_work.FullName, "backend"));
        foreach (var (index, plan) in Plan.Make(options).Index())
        {
            groups.Add(await RunAsync(plan, backend, Path.Combine(_work.FullName, $"{index}")));
            // After each, so that a run that is broken off leaves what it has.
            await Report.WriteAsync(options.Output, groups, $"{Targets.Table(groups)}\n{_measuring.Note}\n");
            if (IsOver)
                break;
        }

        await Report.PrintAsync(options.Output);
        _work.Delete(recursive: true);
        return groups.SelectMany(g => g.Subjects).SelectMany(s => s.Closed.Concat(s.Open)).Any(w => w.Errors > 0) ? 1 : 0;
    }

    private async Task<Group> RunAsync(Plan plan, Backend backend, string folder)
    {
        var subjects = plan.Subjects.Select(create => create()).ToArray();
        try
        {
            var series = subjects.Select(s => new Series(s.Name, [], [])).ToList();
            foreach (var subject in subjects)
                await StartAsync(subject, plan, backend, Directory.CreateDirectory(Path.Combine(folder, subject.Name)));
            for (var round = 1; round <= options.Rounds && (round == 1 || !IsOver); round++)
            {
                Say($"{plan.Load.Name}, {plan.Connections} connections, closed loop: round {round}");
                foreach (var (index, subject) in subjects.Index())
                    series[index].Closed.Add(await ClosedAsync(subject, plan));
            }

            // One thread sends for all; with too many connections it would measure itself.
            var hasOpenLoop = options.OpenLoop && plan.Connections <= MaxOpen;
            var rate = hasOpenLoop ? series[0].Of(w => w.PerSecond) / 2 : 0;
            for (var round = 1; round <= options.Rounds && hasOpenLoop && (round == 1 || !IsOver); round++)
            {
                Say($"{plan.Load.Name}, {plan.Connections} connections, open loop: round {round}");
                foreach (var (index, subject) in subjects.Index())
                    series[index].Open.Add(await OpenAsync(subject, plan, rate));
            }

            return new Group(plan.Load.Name, plan.Connections, rate, series);
        }
        finally
        {
            foreach (var subject in subjects)
                subject.Dispose();
        }
    }

    private async Task StartAsync(Subject subject, Plan plan, Backend backend, DirectoryInfo folder)
    {
        Say($"starting {subject.Name}");
        await subject.StartAsync(backend, folder.FullName, plan.Load, options);
        await ClosedLoop.RunAsync(
            subject.Ports, plan.Load, subject.SessionFile, plan.Connections, options.WarmUpSeconds);
    }

    private Task<Window> ClosedAsync(Subject subject, Plan plan)
    {
        Task<Outcome> RunAsync(double seconds) =>
            ClosedLoop.RunAsync(subject.Ports, plan.Load, subject.SessionFile, plan.Connections, seconds);
        return _measuring.TakeAsync(subject, RunAsync);
    }

    private Task<Window> OpenAsync(Subject subject, Plan plan, double perSecond)
    {
        var clients = new OpenLoop(subject.Ports, plan.Load, subject.SessionFile, plan.Connections, perSecond);
        return _measuring.TakeAsync(subject, clients.RunAsync);
    }

    public void Dispose() => _measuring.Dispose();

    private static void Say(string text) => Console.Error.WriteLine(text);
}
