using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DemoIam;
using IamGateway.Configuration;
using IamGateway.Tests.Secrecy;
using Microsoft.Extensions.DependencyInjection;

namespace IamGateway.Tests.Servers;

/// <summary>
/// A whole gateway in this process, with real listeners, in front of instances that the test names. Its admin key is
/// <see cref="Key"/>; the rule "session" reads the demo IAM's cookie.
/// </summary>
internal sealed class Gateway : IAsyncDisposable
{
    public const string Key = "key-of-the-admin";
    private readonly RunningGateway _running;

    private Gateway(RunningGateway running)
    {
        _running = running;
        Proxy = new Uri(running.ProxyAddresses[0]);
        AdminAddress = new Uri(running.AdminAddress);
        Admin = new HttpClient { BaseAddress = AdminAddress };
        Admin.DefaultRequestHeaders.Add("X-Api-Key", Key);
    }

    public Uri Proxy { get; }

    public Uri AdminAddress { get; }

    /// <summary>Talks to the admin listener with the admin role.</summary>
    public HttpClient Admin { get; }

    public T Service<T>()
        where T : notnull => _running.Services.GetRequiredService<T>();

    /// <summary>Starts one; a setting given twice, here and in the defaults, is the caller's.</summary>
    public static async Task<Gateway> StartAsync(
        IEnumerable<DemoIamInstance> instances, IReadOnlyDictionary<string, string?>? settings = null,
        TimeProvider? time = null, Action<IServiceCollection>? replaceServices = null)
    {
        var problems = new ConfigurationProblems();
        var arguments = Arguments(instances, settings);
        if (OutputWatch.Current is { } watch)
        {
            watch.Places.Configuration(arguments);
            var log = watch.Outputs.Of("log");
            replaceServices = (services => LoggedOutput.Add(services, log)) + replaceServices;
        }

        var running = await GatewayHost.StartAsync(
            arguments, problems, time ?? TimeProvider.System, replaceServices);
        return new Gateway(running ?? throw new InvalidOperationException(string.Join('\n', problems.Lines)));
    }

    /// <summary>The command line of such a gateway, for one that runs as a process of its own.</summary>
    public static string[] Arguments(
        IEnumerable<DemoIamInstance> instances, IReadOnlyDictionary<string, string?>? settings = null)
    {
        var all = Defaults();
        OutputWatch.LogAccess(all);
        foreach (var instance in instances)
        {
            var destination = $"ReverseProxy:Clusters:iam:Destinations:{instance.Name}";
            all[$"{destination}:Address"] = instance.Address.ToString();
            all[$"{destination}:Metadata:Version"] = instance.Version;
        }

        foreach (var (name, value) in settings ?? new Dictionary<string, string?>())
            all[name] = value;
        return ["--environment=Test", .. all.Where(s => s.Value is not null).Select(s => $"--{s.Key}={s.Value}")];
    }

    private static Dictionary<string, string?> Defaults() => new()
    {
        ["Kestrel:Endpoints:Proxy:Url"] = "http://127.0.0.1:0",
        ["Kestrel:Endpoints:Admin:Url"] = "http://127.0.0.1:0",
        ["Logging:LogLevel:Default"] = "Warning",
        ["IamGateway:Store:StateFile"] = "",
        ["IamGateway:Store:RestoreWait"] = "00:00:00.500",
        // A busy machine is no store that is away; tests of that set their own.
        ["IamGateway:Store:Timeout"] = "00:00:05",
        ["IamGateway:Versions:Initial"] = "8.2.1",
        ["IamGateway:Sessions:0:Name"] = "session",
        ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
        ["IamGateway:Admin:ApiKeys:0:Name"] = "test-admin",
        ["IamGateway:Admin:ApiKeys:0:Role"] = "admin",
        ["IamGateway:Admin:ApiKeys:0:Sha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key))),
        // Instances of tests count what they are asked; tests of health checks switch them on.
        ["ReverseProxy:Clusters:iam:HealthCheck:Active:Enabled"] = "false",
        ["ReverseProxy:Routes:iam:ClusterId"] = "iam",
        ["ReverseProxy:Routes:iam:Match:Path"] = "{**rest}",
    };

    /// <summary>PUT /api/v1/weights, which must answer 200.</summary>
    public async Task<JsonElement> SetWeightsAsync(params (string Version, int Weight)[] weights)
    {
        using var response = await Admin.PutAsJsonAsync(
            "/api/v1/weights", new { weights = weights.ToDictionary(w => w.Version, w => w.Weight) });
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == System.Net.HttpStatusCode.OK, $"{(int)response.StatusCode} {body}");
        return JsonDocument.Parse(body).RootElement;
    }

    /// <summary>The value of one metric's series, or 0 if it is not there.</summary>
    public async Task<double> MetricAsync(string series)
    {
        var text = await Admin.GetStringAsync("/metrics");
        var line = text.Split('\n').FirstOrDefault(l => l.StartsWith(series + " ", StringComparison.Ordinal));
        return line is null
            ? 0
            : double.Parse(line[(series.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        if (OutputWatch.Current is not null)
            await OutputWatch.AskAsync(AdminAddress);
        await _running.DisposeAsync();
    }
}
