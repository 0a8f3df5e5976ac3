namespace IamGateway.Tests.Histories;

/// <summary>What a history shows.</summary>
internal sealed class Verdict
{
    public int Sessions { get; set; }

    public int Requests { get; set; }

    public int Migrations { get; set; }

    /// <summary>Requests without an end.</summary>
    public int Unended { get; set; }

    /// <summary>Breaches of G1.</summary>
    public List<string> WentBack { get; } = [];

    /// <summary>Breaches of G2.</summary>
    public List<string> Overlapped { get; } = [];

    public bool IsClean => WentBack.Count == 0 && Overlapped.Count == 0;

    public override string ToString() =>
        $"{Sessions} sessions, {Requests} requests, {Migrations} migrations, "
        + $"{WentBack.Count} went back, {Overlapped.Count} overlapped"
        + string.Concat(WentBack.Concat(Overlapped).Take(5).Select(v => "\n  " + v));
}
