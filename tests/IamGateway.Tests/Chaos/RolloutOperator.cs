using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace IamGateway.Tests.Chaos;

/// <summary>Steers through the admin API of any replica, and tries again until it is done.</summary>
internal sealed class RolloutOperator(IReadOnlyList<GatewayReplica> replicas, Random random)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Milliseconds until a change of weights was applied everywhere, by what the API says.</summary>
    public ConcurrentQueue<double> AppliedIn { get; } = new();

    /// <summary>What did not succeed at the first attempt.</summary>
    public ConcurrentQueue<string> Attempts { get; } = new();

    public Task SetWeightsAsync(params (string Version, int Weight)[] weights) => UntilAsync(
        $"weights {string.Join(' ', weights.Select(w => $"{w.Version}={w.Weight}"))}",
        async admin =>
        {
            using var response = await admin.PutAsJsonAsync(
                "/api/v1/weights", new { weights = weights.ToDictionary(w => w.Version, w => w.Weight) });
            var body = await response.Content.ReadAsStringAsync();
            if (!response.IsSuccessStatusCode)
                return $"{(int)response.StatusCode} {body}";
            if (JsonDocument.Parse(body).RootElement.TryGetProperty("appliedIn", out var applied)
                && applied.ValueKind == JsonValueKind.Number)
                AppliedIn.Enqueue(applied.GetDouble());
            return null;
        });

    /// <summary>Retires a version and waits until it is.</summary>
    public Task RetireAsync(string version) => UntilAsync(
        $"retire {version}",
        async admin =>
        {
            if (await StateOfAsync(admin, version) == "retired")
                return null;
            using var response = await admin.PostAsync($"/api/v1/versions/{version}/retire", null);
            return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
        });

    private static async Task<string?> StateOfAsync(HttpClient admin, string version)
    {
        var status = await admin.GetFromJsonAsync<JsonElement>("/api/v1/status");
        return status.GetProperty("versions").EnumerateArray()
            .First(v => v.GetProperty("version").GetString() == version).GetProperty("state").GetString();
    }

    /// <summary>
    /// Waits until every replica has applied the same quiet state and nothing dead is in the registry.
    /// </summary>
    public async Task SettleAsync()
    {
        foreach (var replica in replicas)
        {
            await UntilAsync("settle", replica, async admin =>
            {
                var status = await admin.GetFromJsonAsync<JsonElement>("/api/v1/status");
                var registry = await admin.GetFromJsonAsync<JsonElement>("/api/v1/replicas");
                var revision = status.GetProperty("revision").GetInt64();
                var isSettled = status.GetProperty("ready").GetBoolean()
                    && status.GetProperty("store").GetProperty("up").GetBoolean()
                    && status.GetProperty("phase").GetString() is "active" or "steady"
                    && registry.GetArrayLength() == replicas.Count
                    && registry.EnumerateArray().All(r => r.GetProperty("acknowledgedRevision").GetInt64() >= revision);
                return isSettled ? null : $"{status} {registry}";
            });
        }
    }

    private Task UntilAsync(string what, Func<HttpClient, Task<string?>> attempt) => UntilAsync(what, null, attempt);

    private async Task UntilAsync(string what, GatewayReplica? replica, Func<HttpClient, Task<string?>> attempt)
    {
        using var patience = new CancellationTokenSource(Patience);
        for (string? problem = null; ;)
        {
            if (patience.IsCancellationRequested)
                throw new TimeoutException($"{what}: {problem}");
            try
            {
                problem = await attempt((replica ?? replicas[random.Next(replicas.Count)]).Admin);
            }
            catch (Exception e) when (
                e is HttpRequestException or SocketException or TaskCanceledException or JsonException)
            {
                problem = e.Message;
            }

            if (problem is null)
                return;
            Attempts.Enqueue($"{what}: {problem}");
            await Task.Delay(50);
        }
    }

    public async Task<string> EventsAsync()
    {
        var events = new List<string>();
        string? after = null;
        while (true)
        {
            var page = await replicas[0].Admin.GetFromJsonAsync<JsonElement>($"/api/v1/events?after={after ?? "0"}");
            if (page.ValueKind != JsonValueKind.Array || page.GetArrayLength() == 0 || events.Count > 5000)
                return string.Join('\n', events);
            foreach (var e in page.EnumerateArray())
            {
                events.Add(e.ToString());
                after = e.GetProperty("id").GetString();
            }
        }
    }
}
