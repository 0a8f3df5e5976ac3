using System.Diagnostics;
using IamGateway.Tests.Secrecy;
using IamGateway.Tests.Servers;

[assembly: AssemblyFixture(typeof(SecrecyRun))]

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Watches the whole run of tests: what they use as secrets, and what gateways put out. At its end no secret may stand
/// in any output; a finding is an error of the run.
/// </summary>
public sealed class SecrecyRun : IAsyncDisposable
{
    private static readonly DirectoryInfo Folder = Directory.CreateTempSubdirectory("iamgw-outputs-");
    private readonly IDisposable _watching;

    public SecrecyRun() => _watching = DiagnosticListener.AllListeners.Subscribe(new TrafficWatch(Places, Outputs));

    internal static Secrets Secrets { get; } = new();

    internal static SecretPlaces Places { get; } = new(Secrets);

    internal static Outputs Outputs { get; } = new(Folder);

    /// <summary>Reads a store as it is now.</summary>
    internal static void Dump(int port)
    {
        var output = Outputs.Of("store");
        try
        {
            RedisDump.Read(port, [.. Places.Stores.Keys.Prepend((null, ""))], output.Write);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or InvalidDataException)
        {
            Outputs.Missing.Enqueue($"{output.Name}: {e.Message}");
        }
    }

    /// <summary>Asks a gateway that is about to end for what it tells about itself.</summary>
    internal static async Task AskAsync(Uri admin)
    {
        using var client = new HttpClient { BaseAddress = admin, Timeout = TimeSpan.FromSeconds(2) };
        client.DefaultRequestHeaders.Add("X-Api-Key", Gateway.Key);
        try
        {
            await client.GetStringAsync("/metrics");
            var status = await client.GetStringAsync("/api/v1/status");
            // With the store away there are no events to be had.
            if (!status.Contains("\"up\":true", StringComparison.Ordinal))
                return;
            foreach (var what in (string[])["events?limit=500", "instances", "replicas", "rollouts"])
                await client.GetStringAsync($"/api/v1/{what}");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // It has stopped, or does not know the key of tests.
        }
    }

    public ValueTask DisposeAsync()
    {
        _watching.Dispose();
        string[] wrong = [.. Outputs.Leaks(Secrets), .. Outputs.Missing.Select(m => $"not searched: {m}")];
        TestContext.Current.SendDiagnosticMessage(
            "Of {0} secrets, none may stand in {1} outputs of {2:N0} characters.", Secrets.Values.Count,
            Outputs.All.Count, Outputs.All.Sum(o => o.Length));
        Outputs.IsClosed = true;
        Folder.Delete(recursive: true);
        return wrong.Length == 0
            ? ValueTask.CompletedTask
            : throw new InvalidOperationException("Secrets stand in outputs.\n" + string.Join('\n', wrong));
    }
}
