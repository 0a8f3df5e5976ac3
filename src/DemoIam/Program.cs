using System.Runtime.InteropServices;

namespace DemoIam;

// A named class, not top-level statements: those would make a global public Program that clashes with the gateway's.
internal static class DemoIamProgram
{
    private const string Usage =
        """
        usage: DemoIam --version 8.2.1 [--url http://127.0.0.1:0] [--redis host:port] [--history FILE] [--name NAME]
                       [--error-rate 0.05] [--latency-ms 0] [--reports-version true] [--old-version-fails true]
        """;

    private static readonly Dictionary<string, string> Switches = new()
    {
        ["--history"] = nameof(DemoIamOptions.HistoryFile),
        ["--error-rate"] = nameof(DemoIamOptions.ErrorRate),
        ["--cookie-name"] = nameof(DemoIamOptions.CookieName),
        ["--reports-version"] = nameof(DemoIamOptions.ReportsVersion),
        ["--old-version-fails"] = nameof(DemoIamOptions.OldVersionFails),
        ["--shutdown-timeout"] = nameof(DemoIamOptions.ShutdownTimeout),
    };

    private static async Task<int> Main(string[] args)
    {
        var configuration = new ConfigurationBuilder()
            .AddEnvironmentVariables("DEMOIAM_")
            .AddCommandLine(args, Switches)
            .Build();
        var options = configuration.Get<DemoIamOptions>();
        if (options is null || !StateVersion.TryParse(options.Version, out _))
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        if (configuration["latency-ms"] is not null)
        {
            var latency = configuration.GetValue<int>("latency-ms");
            options = options with { ExtraLatency = TimeSpan.FromMilliseconds(latency) };
        }

        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

        await using var redis = configuration["redis"] is { Length: > 0 } address
            ? await RedisSessionState.ConnectAsync(address)
            : null;
        ISessionState state = redis is null ? new MemorySessionState() : redis;
        await using var instance = await DemoIamInstance.StartAsync(options, state);
        Console.WriteLine($"listening {instance.Address.GetLeftPart(UriPartial.Authority)}");
        await stop.Task;
        return 0;

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.TrySetResult();
        }
    }
}
