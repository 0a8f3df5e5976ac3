using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;

namespace IamGateway.Bench.Servers;

internal enum Stage
{
    Steady,

    /// <summary>Half of the weight is on the new version, and every session has been seen since.</summary>
    MidRollout,

    /// <summary>The same, and the gateway has just started.</summary>
    Cold,

    /// <summary>Mid-rollout, only sessions that are at the new version.</summary>
    Finals,

    /// <summary>Mid-rollout, only sessions that are at the old version.</summary>
    Old,
}

/// <summary>The gateway, with sessions that were begun through it, in a stage of a rollout.</summary>
internal sealed class GatewaySubject(
    string name, Stage stage, bool inMemory = false, int replicas = 1, bool rules = false, string? build = null)
    : Subject(build is null ? name : $"{name}-other")
{
    private const string Key = "key-of-the-bench";
    private const int ColdSessions = 40_000;

    private static readonly string[] TokenRules =
    [
        "--IamGateway:Sessions:1:Name=refresh", "--IamGateway:Sessions:1:Form=refresh_token",
        "--IamGateway:Sessions:1:Path=/token", "--IamGateway:Sessions:1:JsonField=refresh_token",
        "--IamGateway:Sessions:1:IssuedAt=/token",
    ];

    private Backend? _backend;
    private string _folder = "";
    private string _warmUpFile = "";
    private int[] _adminPorts = [];
    private Load.Load? _load;

    private string Program => build is null
        ? typeof(GatewayHost).Assembly.Location
        : Path.GetFullPath(Path.Combine(build, "IamGateway.dll"));

    /// <summary>What Redis held before the first session.</summary>
    public long RedisBytesAtStart { get; private set; }

    /// <summary>The same of another build, which lies in a folder.</summary>
    public GatewaySubject Of(string otherBuild) => new(Name, stage, inMemory, replicas, rules, otherBuild);

    public override async Task StartAsync(Backend backend, string folder, Load.Load load, BenchOptions options)
    {
        (_backend, _folder, _load) = (backend, folder, load);
        if (!inMemory)
            Redis = await Redis.StartAsync(folder);
        Ports = [.. Enumerable.Range(0, replicas).Select(_ => ChildProcess.FreePort())];
        _adminPorts = [.. Ports.Select(_ => ChildProcess.FreePort())];
        await StartGatewaysAsync();
        RedisBytesAtStart = Redis?.UsedMemory() ?? 0;
        var sessions = Load.Session.Many(stage == Stage.Cold ? ColdSessions : options.Sessions);
        if (load.IsForm)
        {
            SessionFile = await WriteSessionsAsync(folder, "sessions", sessions.Select(Load.Session.Form));
            return;
        }

        var warmUp = stage == Stage.Cold ? Load.Session.Many(options.Sessions) : [];
        await Load.Session.LogInAsync(Ports, [.. sessions, .. warmUp]);
        if (stage != Stage.Steady)
            await SetWeightsAsync();
        var versions = stage == Stage.Steady
            ? new Dictionary<string, string>()
            : await Load.Session.VersionsAsync(Ports, [.. sessions, .. warmUp]);
        SessionFile = await WriteSessionsAsync(folder, "sessions", sessions.Where(s => stage switch
        {
            Stage.Finals => versions[s] == Backend.NewVersion,
            Stage.Old => versions[s] == Backend.OldVersion,
            _ => true,
        }).Select(Load.Session.Cookie));
        _warmUpFile = await WriteSessionsAsync(folder, "warm-up", warmUp.Select(Load.Session.Cookie));
    }

    private async Task StartGatewaysAsync()
    {
        foreach (var (index, port) in Ports.Index())
            AddDotnet(_folder, Program, Settings(port, _adminPorts[index]));
        await WaitForPortsAsync();
    }

    public override bool IsCold => stage == Stage.Cold;

    public override async Task PrepareAsync()
    {
        if (!IsCold)
            return;
        StopProxies();
        await StartGatewaysAsync();
        await Load.ClosedLoop.RunAsync(Ports, _load!, _warmUpFile, 32, 6);
    }

    private string[] Settings(int port, int adminPort)
    {
        var settings = new List<string>
        {
            "--environment=Bench", "--Logging:LogLevel:Default=Warning",
            $"--Kestrel:Endpoints:Proxy:Url=http://127.0.0.1:{port}",
            $"--Kestrel:Endpoints:Admin:Url=http://127.0.0.1:{adminPort}",
            $"--IamGateway:Versions:Initial={Backend.OldVersion}", "--IamGateway:Store:StateFile=",
            "--IamGateway:Sessions:0:Name=session", "--IamGateway:Sessions:0:Cookie=IAM_SESSION",
            "--IamGateway:Admin:ApiKeys:0:Name=bench", "--IamGateway:Admin:ApiKeys:0:Role=admin",
            $"--IamGateway:Admin:ApiKeys:0:Sha256={Hash(Key)}",
            "--ReverseProxy:Routes:iam:ClusterId=iam", "--ReverseProxy:Routes:iam:Match:Path={**rest}",
        };
        foreach (var (version, ports) in new[] { (Backend.OldVersion, _backend!.Old), (Backend.NewVersion, _backend.New) })
        {
            foreach (var instance in ports)
            {
                var destination = $"--ReverseProxy:Clusters:iam:Destinations:i{instance}";
                settings.Add($"{destination}:Address=http://127.0.0.1:{instance}/");
                settings.Add($"{destination}:Metadata:Version={version}");
            }
        }

        if (Redis is not null)
            settings.Add($"--ConnectionStrings:Redis=127.0.0.1:{Redis.Port}");
        if (rules)
            settings.AddRange(TokenRules);
        return [.. settings];
    }

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private async Task SetWeightsAsync()
    {
        using var admin = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_adminPorts[0]}") };
        admin.DefaultRequestHeaders.Add("X-Api-Key", Key);
        var weights = new Dictionary<string, int> { [Backend.OldVersion] = 50, [Backend.NewVersion] = 50 };
        using var answer = await admin.PutAsJsonAsync("/api/v1/weights", new { weights });
        if (answer.StatusCode != System.Net.HttpStatusCode.OK)
            throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
    }
}
