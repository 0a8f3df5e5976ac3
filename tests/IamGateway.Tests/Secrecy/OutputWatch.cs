using System.Diagnostics;
using System.Net.Sockets;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Learns what tests use as secrets, and keeps what gateways put out, to search the one for the other.
/// </summary>
internal sealed class OutputWatch : IDisposable
{
    private static readonly AsyncLocal<OutputWatch?> OfTest = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iamgw-outputs-");

    public OutputWatch()
    {
        Places = new SecretPlaces(Secrets);
        Outputs = new Outputs(_folder);
    }

    /// <summary>The one of the test that runs, or of the whole run; null: nobody watches.</summary>
    public static OutputWatch? Current => OfTest.Value ?? SecrecyRun.Watch;

    public Secrets Secrets { get; } = new();

    public SecretPlaces Places { get; }

    public Outputs Outputs { get; }

    /// <summary>From now on the calling test tells this one, and no other, what it does.</summary>
    public OutputWatch UseForThisTest() => OfTest.Value = this;

    /// <summary>Has a gateway write its access log if somebody watches: there handles would stand first.</summary>
    public static void LogAccess(Dictionary<string, string?> settings)
    {
        if (Current is not null)
            settings["IamGateway:AccessLog:Share"] = "1";
    }

    /// <summary>Sees every request and response of this process until what it returns is disposed.</summary>
    public IDisposable WatchTraffic()
    {
        var traffic = new TrafficWatch(Places, Outputs);
        traffic.Start(DiagnosticListener.AllListeners);
        return traffic;
    }

    /// <summary>Reads a store as it is now.</summary>
    public void Dump(int port)
    {
        var output = Outputs.Of("store");
        try
        {
            RedisDump.Read(port, [.. Places.Stores.Keys.Prepend((null, ""))], output.Write);
        }
        catch (Exception e) when (e is IOException or SocketException or InvalidDataException)
        {
            Outputs.Missing.Enqueue($"{output.Name}: {e.Message}");
        }
    }

    /// <summary>
    /// Asks a gateway for what it tells about itself before it ends; one that does not answer has nothing.
    /// </summary>
    public static async Task AskAsync(Uri admin)
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
        catch (Exception e) when (e is HttpRequestException or SocketException or OperationCanceledException)
        {
            // It has stopped, or does not know the key of tests.
        }
    }

    /// <summary>What is wrong: a secret in an output, or an output that could not be had.</summary>
    public IReadOnlyList<string> Findings() =>
        [.. Outputs.Leaks(Secrets), .. Outputs.Missing.Select(m => $"not searched: {m}")];

    /// <summary>What is no secret, but stands in the output of that kind, is found like one.</summary>
    public void AssertKept(string kind, string word)
    {
        var secrets = new Secrets();
        secrets.Add(word);
        Assert.Contains(Outputs.Leaks(secrets), l => l.StartsWith($"{kind} of ", StringComparison.Ordinal));
    }

    public void Dispose()
    {
        Outputs.IsClosed = true;
        _folder.Delete(recursive: true);
    }
}
