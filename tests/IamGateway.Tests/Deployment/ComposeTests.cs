using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Configuration;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;
using IamGateway.Tests.Startup;

namespace IamGateway.Tests.Deployment;

/// <summary>
/// The compose file: its parts are started as processes of this machine, with its own arguments and configuration, only
/// that host names and ports are those of loopback.
/// </summary>
public sealed class ComposeTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("iamgw-compose-");
    private readonly List<ServerProcess> _processes = [];

    // What the containers know as NAME:PORT, and where it is here.
    private readonly Dictionary<string, string> _addresses = [];

    [Fact]
    public async Task Parts_StartedAsTheFileSays_WorkTogether()
    {
        var services = ComposeFile.Services;
        var (proxy, admin) = (Here("*:8080"), Here("gateway:8081"));
        _addresses["*:8081"] = admin;
        Start("redis-server", [.. services["redis"].Command.Skip(1), "--bind", "127.0.0.1", "--dir",
            _directory.FullName, "--port", Here("redis:6379").Split(':')[1]]);
        foreach (var (name, iam) in services.Where(s => s.Value.Entrypoint.Count > 0))
        {
            Assert.Equal(["dotnet", "/app/DemoIam.dll"], iam.Entrypoint);
            var here = Here($"{name}:8080");
            Start("dotnet", [
                Path.Combine(AppContext.BaseDirectory, "DemoIam.dll"),
                .. iam.Command.Select(a => Mapped(a.Replace("0.0.0.0:8080", here, StringComparison.Ordinal)))]);
        }

        var arguments = services["gateway"].Command.Select(a => services["gateway"].Mounts()
            .Where(m => m.Target == a).Select(m => MappedCopy(m.Source)).FirstOrDefault(a)).ToArray();
        await UntilAnsweringAsync(services.Where(s => s.Value.Entrypoint.Count > 0)
            .Select(s => $"http://{_addresses[$"{s.Key}:8080"]}/health"));
        var gateway = GatewayProcess.Start(arguments, ("DOTNET_ENVIRONMENT", "Production"));
        _processes.Add(gateway);
        await gateway.UntilReadyAsync($"http://{admin}");
        await using var prometheus = await PrometheusServer.StartAsync(new Uri($"http://{admin}"));

        using var http = new HttpMessageInvoker(
            new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        var user = new Browser(http, () => new Uri($"http://{proxy}"), "user");
        await user.LogInAsync();
        await user.SendAsync(HttpMethod.Get, "/api/touch");
        using var operations = new HttpClient { BaseAddress = new Uri($"http://{admin}") };
        operations.DefaultRequestHeaders.Add("X-Api-Key", "demo-operator-key");
        using var weights = await operations.PutAsJsonAsync(
            "/api/v1/weights", new { weights = new Dictionary<string, int> { ["8.2.1"] = 50, ["8.3.0"] = 50 } });
        Assert.True(weights.IsSuccessStatusCode, await weights.Content.ReadAsStringAsync());
        var instances = await operations.GetFromJsonAsync<JsonElement>("/api/v1/instances");
        Assert.Equal(4, Regex.Count(instances.GetRawText(), "\"reportedVersion\":\"8"));

        await prometheus.UntilAsync(async () => (await prometheus.QueryAsync(
            "up{job=\"iamgateway\"} == 1 and on (gateway) iamgateway_store_up == 1")).Count == 1);
        await prometheus.UntilAsync(async () =>
            (await prometheus.QueryAsync("iamgateway_requests_total{version=\"8.2.1\"} > 0")).Count > 0);
        Assert.NotEmpty((await prometheus.GetAsync("/api/v1/rules")).GetProperty("groups").EnumerateArray());
    }

    [Fact]
    public void Names_InArgumentsAndFiles_AreServicesOfTheFile()
    {
        var services = ComposeFile.Services;
        var text = Repository.Read("config/gateway.json") + Repository.Read("config/prometheus/prometheus.yml")
            + Repository.Read("config/grafana/provisioning/datasources/prometheus.yml")
            + string.Join(' ', services.Values.SelectMany(s => s.Command));

        var named = Regex.Matches(text, @"([a-z][a-z0-9-]+):(\d{4,5})\b").Select(m => m.Groups[1].Value).Distinct();

        Assert.Contains("gateway", named);
        Assert.Empty(named.Except(services.Keys));
        Assert.All(services.Values, s => Assert.Empty(s.DependsOn.Keys.Except(services.Keys)));
    }

    [Fact]
    public void Mounts_OfAllServices_AreThere() => Assert.All(
        ComposeFile.Services.Values.SelectMany(s => s.Mounts()),
        m => Assert.True(Path.Exists(Repository.Path(m.Source)), m.Source));

    [Fact]
    public void Grafana_Dashboards_AreWhereItsProvisioningLooks()
    {
        var grafana = ComposeFile.Services["grafana"];
        var provider = Repository.Read("config/grafana/provisioning/dashboards/iamgateway.yml");
        var home = grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];

        var (source, target) = Assert.Single(grafana.Mounts(), m => m.Source == "config/grafana/dashboards");

        Assert.Contains($"path: {target}\n", provider, StringComparison.Ordinal);
        Assert.True(File.Exists(Repository.Path(home.Replace(target, source, StringComparison.Ordinal))), home);
        Assert.Contains(("config/grafana/provisioning", "/etc/grafana/provisioning"), grafana.Mounts());
    }

    [Fact]
    public void Gateway_WhenStopped_HasTimeForItsRequests()
    {
        var options = new GatewayOptions();
        var grace = int.Parse(
            ComposeFile.Services["gateway"].StopGracePeriod!.TrimEnd('s'), CultureInfo.InvariantCulture);

        Assert.True(grace > (options.ShutdownDelay + options.ShutdownTimeout + options.Store.Timeout * 5).TotalSeconds);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
            await process.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    private string Here(string name) => _addresses[name] = $"127.0.0.1:{Ports.Next()}";

    private void Start(string program, string[] arguments) => _processes.Add(ServerProcess.Start(program, arguments));

    private string Mapped(string text) => _addresses.Aggregate(
        text, (t, a) => t.Replace(a.Key, a.Value, StringComparison.Ordinal));

    private string MappedCopy(string source)
    {
        var copy = Path.Combine(_directory.FullName, Path.GetFileName(source));
        File.WriteAllText(copy, Mapped(Repository.Read(source)));
        return copy;
    }

    private async Task UntilAnsweringAsync(IEnumerable<string> urls)
    {
        using var client = new HttpClient();
        foreach (var (url, process) in urls.Zip(_processes.Skip(1)))
        {
            await process.UntilAsync(async () =>
            {
                try
                {
                    using var answer = await client.GetAsync(url);
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            });
        }
    }
}
