using IamGateway.Bench.Load;
using IamGateway.Bench.Servers;

namespace IamGateway.Bench.Figures;

/// <summary>One stretch of load on one subject, in figures per request.</summary>
internal sealed record Window(
    double PerSecond, double P50, double P99, double P999, double ProxyCpu, double RedisCpu, double? Bytes,
    double RedisCalls, double WorkingSet, long Errors)
{
    public double Cpu => ProxyCpu + RedisCpu;

    public static Window Of(Outcome outcome, Reading before, Reading after)
    {
        var n = (double)outcome.Requests;
        return new Window(
            outcome.PerSecond, outcome.P50.TotalMicroseconds, outcome.P99.TotalMicroseconds,
            outcome.P999.TotalMicroseconds, (after.ProxyCpu - before.ProxyCpu).TotalMicroseconds / n,
            (after.RedisCpu - before.RedisCpu).TotalMicroseconds / n, (after.Allocated - before.Allocated) / n,
            (after.RedisCalls - before.RedisCalls) / n, after.WorkingSet / 1048576.0, outcome.Errors);
    }
}
