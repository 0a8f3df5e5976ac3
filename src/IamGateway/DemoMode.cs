using System.Security.Cryptography;
using System.Text;
using DemoIam;
using IamGateway.Configuration;

namespace IamGateway;

/// <summary>
/// A demo IAM of two versions with two instances each, started in this process, and the settings that route to it. What
/// the operator configures wins over them.
/// </summary>
internal sealed class DemoMode : IAsyncDisposable
{
    private const string OldVersion = "8.2.1";
    private const string NewVersion = "8.3.0";
    private readonly List<DemoIamInstance> _instances = [];
    private readonly string? _apiKey;

    private DemoMode(string? apiKey) => _apiKey = apiKey;

    /// <summary>Starts the demo if it is switched on, else returns null.</summary>
    public static async Task<DemoMode?> StartAsync(ConfigurationManager configuration, IHostEnvironment environment)
    {
        var cluster = configuration["IamGateway:Cluster"] ?? "iam";
        var hasInstances = configuration.GetSection($"ReverseProxy:Clusters:{cluster}:Destinations").GetChildren()
            .Any();
        var isOn = configuration["IamGateway:Demo"] is { } text
            ? bool.TryParse(text, out var value) && value
            : environment.IsDevelopment() && !hasInstances;
        if (!isOn)
            return null;
        var hasKeys = configuration.GetSection("IamGateway:Admin").GetChildren()
            .Any(c => c.Key is nameof(AdminOptions.ApiKeys) or nameof(AdminOptions.Jwt) or nameof(AdminOptions.Oidc));
        var demo = new DemoMode(hasKeys ? null : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));
        var settings = new Dictionary<string, string?>
        {
            ["IamGateway:Versions:Initial"] = OldVersion,
            ["IamGateway:Versions:Discovery:Path"] = "/health",
            ["IamGateway:Versions:Discovery:JsonField"] = "version",
            ["IamGateway:Versions:Discovery:ResponseHeader"] = "X-IAM-Version",
            ["IamGateway:Store:StateFile"] = "",
            ["IamGateway:Sessions:0:Name"] = "session",
            ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
            ["IamGateway:Sessions:1:Name"] = "code",
            ["IamGateway:Sessions:1:Form"] = "code",
            ["IamGateway:Sessions:1:Path"] = "/token",
            ["IamGateway:Sessions:1:LocationQuery"] = "code",
            ["IamGateway:Sessions:1:IssuedAt"] = "/authorize",
            ["IamGateway:Sessions:2:Name"] = "refresh",
            ["IamGateway:Sessions:2:Form"] = "refresh_token",
            ["IamGateway:Sessions:2:Path"] = "/token",
            ["IamGateway:Sessions:2:JsonField"] = "refresh_token",
            ["IamGateway:Sessions:2:IssuedAt"] = "/token",
            ["IamGateway:Sessions:3:Name"] = "access",
            ["IamGateway:Sessions:3:Header"] = "Authorization",
            ["IamGateway:Sessions:3:Scheme"] = "Bearer",
            ["IamGateway:Sessions:3:JsonField"] = "access_token",
            ["IamGateway:Sessions:3:IssuedAt"] = "/token",
            ["IamGateway:Stateless:0"] = "/static",
            ["ReverseProxy:Routes:iam:ClusterId"] = cluster,
            ["ReverseProxy:Routes:iam:Match:Path"] = "{**rest}",
        };
        if (demo._apiKey is { } key)
        {
            settings["IamGateway:Admin:ApiKeys:0:Name"] = "demo";
            settings["IamGateway:Admin:ApiKeys:0:Sha256"] = Convert.ToHexStringLower(
                SHA256.HashData(Encoding.UTF8.GetBytes(key)));
            settings["IamGateway:Admin:ApiKeys:0:Role"] = "admin";
        }

        var state = new MemorySessionState(TimeProvider.System);
        (string Name, string Version)[] instances =
            [("old-1", OldVersion), ("old-2", OldVersion), ("new-1", NewVersion), ("new-2", NewVersion)];
        foreach (var (name, version) in instances)
        {
            var instance = await DemoIamInstance.StartAsync(
                new DemoIamOptions { Version = version, Name = name }, state);
            demo._instances.Add(instance);
            settings[$"ReverseProxy:Clusters:{cluster}:Destinations:{name}:Address"] = instance.Address.ToString();
            settings[$"ReverseProxy:Clusters:{cluster}:Destinations:{name}:Metadata:Version"] = version;
        }

        configuration.Sources.Insert(
            0, new Microsoft.Extensions.Configuration.Memory.MemoryConfigurationSource { InitialData = settings });
        return demo;
    }

    /// <summary>Says what runs where and what to type.</summary>
    public void Print(IReadOnlyList<string> proxyAddresses, string adminAddress)
    {
        var proxy = Readable(proxyAddresses.Count > 0 ? proxyAddresses[0] : GatewayHost.DefaultProxyUrl);
        var admin = Readable(adminAddress);
        var key = _apiKey ?? "YOUR-KEY";
        var instances = string.Join('\n', _instances.Select(i => $"    {i.Name}  version {i.Version}  {i.Address}"));
        Console.WriteLine(
            $$$"""

            IamGateway demo: a login system of two versions behind one gateway.

              Open in a browser   {{{proxy}}}/          (any user name, password demo, code 123456)
              Console             {{{admin}}}/          (log in with the API key)
              Admin API           {{{admin}}}/api/v1/status   (OpenAPI: {{{admin}}}/openapi/v1.json)
              Metrics             {{{admin}}}/metrics
              API key             {{{key}}}

              Instances
            {{{instances}}}

            Three commands to try, in this order:

              1. Log in; the session lands on {{{OldVersion}}}.
                 curl -s -c jar -b jar {{{proxy}}}/login -o /dev/null; curl -s -c jar -b jar -d "username=ann&password=demo" {{{proxy}}}/login; curl -s -c jar -b jar -d code=123456 {{{proxy}}}/otp; curl -s -b jar {{{proxy}}}/api/me

              2. Send half of the sessions to {{{NewVersion}}}.
                 curl -s -X PUT -H "X-Api-Key: {{{key}}}" -H "Content-Type: application/json" -d '{"weights":{"{{{OldVersion}}}":50,"{{{NewVersion}}}":50}}' {{{admin}}}/api/v1/weights

              3. Look the session up, without its cookie ever being stored.
                 curl -s -X POST -H "X-Api-Key: {{{key}}}" -H "Content-Type: application/json" -d "{\"handle\":\"$(awk '/IAM_SESSION/ {print $7}' jar)\"}" {{{admin}}}/api/v1/sessions/lookup

            Press Ctrl+C to end.

            """);
    }

    private static string Readable(string address) => address
        .Replace("[::]", "localhost", StringComparison.Ordinal)
        .Replace("0.0.0.0", "localhost", StringComparison.Ordinal)
        .Replace("*", "localhost", StringComparison.Ordinal)
        .TrimEnd('/');

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _instances)
            await instance.DisposeAsync();
    }
}
