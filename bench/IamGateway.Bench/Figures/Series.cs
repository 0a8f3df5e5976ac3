namespace IamGateway.Bench.Figures;

/// <summary>
/// The windows of one subject, one a round. Ratios are taken within a round, for that is what the machine's other work
/// hits alike; what is shown of them is the median.
/// </summary>
internal sealed record Series(string Subject, List<Window> Closed, List<Window> Open)
{
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0
            ? double.NaN
            : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    public double Of(Func<Window, double> figure) => Median(Closed.Select(figure));

    public double OfOpen(Func<Window, double> figure) => Median(Open.Select(figure));

    public double Ratio(Series to, Func<Window, double> figure) =>
        Median(Closed.Zip(to.Closed, (a, b) => figure(a) / figure(b)));

    public double RatioOpen(Series to, Func<Window, double> figure) =>
        Median(Open.Zip(to.Open, (a, b) => figure(a) / figure(b)));

    public double Beyond(Series to, Func<Window, double> figure) =>
        Median(Closed.Zip(to.Closed, (a, b) => figure(a) - figure(b)));

    public double BeyondOpen(Series to, Func<Window, double> figure) =>
        Median(Open.Zip(to.Open, (a, b) => figure(a) - figure(b)));
}
