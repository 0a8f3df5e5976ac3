namespace Iamgw;

/// <summary>All that the program has of the world around it, apart from the gateway.</summary>
internal sealed record Surroundings
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required TextReader In { get; init; }

    /// <summary>Somebody types.</summary>
    public bool IsInputTerminal { get; init; }

    /// <summary>Somebody looks on, and what was shown can be redrawn.</summary>
    public bool IsOutputTerminal { get; init; }

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    public required string Home { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How often what is watched is looked at.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a gateway that was there may be away while it is watched.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    public string? Variable(string name) =>
        Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    public static Surroundings OfThisProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        In = Console.In,
        IsInputTerminal = !Console.IsInputRedirected,
        IsOutputTerminal = !Console.IsOutputRedirected,
        Environment = System.Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? ""),
        Home = System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile),
    };
}
