using System.Globalization;
using System.Text.RegularExpressions;

namespace IamGateway.Bench;

/// <summary>The command line of the bench.</summary>
internal sealed record BenchOptions
{
    /// <summary>A few minutes instead of an hour.</summary>
    public bool Quick { get; private init; }

    /// <summary>Only subjects whose name matches; bare YARP always runs.</summary>
    public Regex? Only { get; private init; }

    public int Rounds { get; private init; } = 5;

    public double Seconds { get; private init; } = 4;

    /// <summary>Load before each window, which is not measured.</summary>
    public double LeadInSeconds { get; private init; } = 2;

    /// <summary>After so many no further round begins.</summary>
    public double Minutes { get; private init; } = double.PositiveInfinity;

    public int WarmUpSeconds { get; private init; } = 8;

    public int Sessions { get; private init; } = 10_000;

    /// <summary>Live sessions of the run that compares numbers of them.</summary>
    public int Count { get; private init; } = 1_000_000;

    /// <summary>Loads to run; empty: those of the plan.</summary>
    public string[] Loads { get; private init; } = [];

    /// <summary>Connections; 0: those of the plan.</summary>
    public int Connections { get; private init; }

    /// <summary>The folder of another build of the gateway, which runs beside this one.</summary>
    public string? Other { get; private init; }

    public bool OpenLoop { get; private init; } = true;

    /// <summary>Where the results go.</summary>
    public string Output { get; private init; } = "artifacts/bench";

    public BenchOptions WithSessions(int count) => this with { Sessions = count };

    public static BenchOptions Parse(string[] args)
    {
        var options = new BenchOptions();
        for (var i = 0; i < args.Length; i++)
        {
            string Next() => ++i < args.Length
                ? args[i]
                : throw new ArgumentException($"{args[i - 1]} needs a value.");
            double Number() => double.Parse(Next(), NumberStyles.Float, CultureInfo.InvariantCulture);
            options = args[i] switch
            {
                "--quick" => options with { Quick = true, Rounds = 3, Seconds = 2, WarmUpSeconds = 4 },
                "--only" => options with { Only = new Regex(Next()) },
                "--rounds" => options with { Rounds = (int)Number() },
                "--seconds" => options with { Seconds = Number() },
                "--lead-in" => options with { LeadInSeconds = Number() },
                "--minutes" => options with { Minutes = Number() },
                "--warm-up" => options with { WarmUpSeconds = (int)Number() },
                "--sessions" => options with { Sessions = (int)Number() },
                "--count" => options with { Count = (int)Number() },
                "--load" => options with { Loads = Next().Split(',') },
                "--connections" => options with { Connections = (int)Number() },
                "--other" => options with { Other = Next() },
                "--closed-only" => options with { OpenLoop = false },
                "--output" => options with { Output = Next() },
                _ => throw new ArgumentException($"There is no option '{args[i]}'; see bench/README.md."),
            };
        }

        return options;
    }
}
