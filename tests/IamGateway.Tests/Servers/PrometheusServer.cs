using System.Globalization;
using System.Text.Json;

namespace IamGateway.Tests.Servers;

/// <summary>A real Prometheus with the project's own configuration, scraping gateways every second.</summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private readonly DirectoryInfo _directory;
    private readonly ServerProcess _process;
    private readonly HttpClient _client;

    private PrometheusServer(DirectoryInfo directory, ServerProcess process, Uri address)
    {
        _directory = directory;
        _process = process;
        _client = new HttpClient { BaseAddress = address };
    }

    public static async Task<PrometheusServer> StartAsync(params Uri[] gateways)
    {
        var directory = Directory.CreateTempSubdirectory("iamgw-prometheus-");
        var configuration = Repository.Read("config/prometheus/prometheus.yml")
            .Replace(
                "\"gateway:8081\"", string.Join(", ", gateways.Select(g => $"\"{g.Authority}\"")),
                StringComparison.Ordinal)
            .Replace("interval: 5s", "interval: 1s", StringComparison.Ordinal)
            .Replace("timeout: 4s", "timeout: 1s", StringComparison.Ordinal);
        var file = Path.Combine(directory.FullName, "prometheus.yml");
        await File.WriteAllTextAsync(file, configuration);
        File.Copy(Repository.Path("config/prometheus/alerts.yml"), Path.Combine(directory.FullName, "alerts.yml"));
        var port = Ports.Next();
        var process = ServerProcess.Start(
            "prometheus",
            [
                $"--config.file={file}", $"--storage.tsdb.path={Path.Combine(directory.FullName, "data")}",
                $"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
            ]);
        var server = new PrometheusServer(directory, process, new Uri($"http://127.0.0.1:{port}"));
        await process.UntilAsync(server.IsReadyAsync);
        return server;
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var response = await _client.GetAsync("/-/ready");
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>The samples of an instant query: labels and value of each.</summary>
    public async Task<IReadOnlyList<(string Labels, double Value)>> QueryAsync(string query)
    {
        var data = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
        return
        [
            .. data.GetProperty("result").EnumerateArray().Select(r => (
                r.GetProperty("metric").GetRawText(),
                double.Parse(r.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture))),
        ];
    }

    /// <summary>The data of an answer; an error answer fails with Prometheus's own words.</summary>
    public async Task<JsonElement> GetAsync(string path)
    {
        using var response = await _client.GetAsync(path);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{Uri.UnescapeDataString(path)}: {body}");
        return JsonDocument.Parse(body).RootElement.GetProperty("data");
    }

    /// <summary>Asks again and again until the condition holds.</summary>
    public Task UntilAsync(Func<Task<bool>> condition) => _process.UntilAsync(condition);

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _process.DisposeAsync();
        _directory.Delete(recursive: true);
    }
}
