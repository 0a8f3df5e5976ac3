using IamGateway.Bench.Figures;
using IamGateway.Bench.Load;
using IamGateway.Bench.Servers;

namespace IamGateway.Bench;

/// <summary>Takes windows, and takes one again during which the machine itself stood still.</summary>
internal sealed class Measuring(BenchOptions options) : IDisposable
{
    private const int MostTimes = 5;
    private static readonly TimeSpan LongestStop = TimeSpan.FromMilliseconds(5);
    private readonly Machine _machine = new();
    private int _again;
    private int _kept;

    /// <summary>What it had to do, for the report.</summary>
    public string Note => !_machine.IsWatched
        ? "Whether the machine itself stood still was not watched, which takes root or CAP_SYS_NICE."
        : $"{_again} windows were taken again because a processor was away for more than "
            + $"{LongestStop.TotalMilliseconds} ms; {_kept} were kept although one was, the {MostTimes}th time.";

    /// <param name="subject">What is measured.</param>
    /// <param name="run">
    /// Runs its clients for so many seconds: before each window without measuring, as the subject has stood idle while
    /// others had their turn, longer than sessions are when people work.
    /// </param>
    public async Task<Window> TakeAsync(Subject subject, Func<double, Task<Outcome>> run)
    {
        for (var time = 1; ; time++)
        {
            await subject.PrepareAsync();
            if (!subject.IsCold && options.LeadInSeconds > 0)
                await run(options.LeadInSeconds);
            _ = _machine.TakeLongestStop();
            var before = subject.Read();
            var outcome = await run(options.Seconds);
            var window = Window.Of(outcome, before, subject.Read());
            if (_machine.TakeLongestStop() <= LongestStop)
                return window;
            if (time == MostTimes)
            {
                _kept++;
                return window;
            }

            _again++;
        }
    }

    public void Dispose() => _machine.Dispose();
}
