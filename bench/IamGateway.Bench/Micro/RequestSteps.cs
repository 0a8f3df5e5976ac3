using BenchmarkDotNet.Attributes;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Bench.Micro;

/// <summary>The steps of a request that think instead of waiting, each alone.</summary>
public class RequestSteps
{
    private const string Version = "8.2.1";
    private readonly DefaultHttpContext _http = new();
    private readonly SessionKey _key = SessionKey.Of("secret"u8, "session", "handle");
    private readonly MemoryPinStore _store = new(TimeProvider.System, 1_000_000, new GatewayMetrics());
    private readonly VersionInstances _instances = new([(VersionId.Parse(Version), [new DestinationState("a")])]);
    private ServiceProvider? _services;
    private SessionRules? _rules;
    private SessionRouter? _router;
    private Witness? _witness;
    private RoutingView? _view;
    private string _witnessValue = "";

    [GlobalSetup]
    public async Task SetUpAsync()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["IamGateway:Versions:Initial"] = Version,
            ["IamGateway:Store:StateFile"] = "",
            ["IamGateway:Sessions:0:Name"] = "session",
            ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
            ["IamGateway:Witness:Enabled"] = "true",
            ["IamGateway:Witness:Keys:0"] = Convert.ToBase64String(new byte[32]),
            ["IamGateway:Admin:ApiKeys:0:Name"] = "bench",
            ["IamGateway:Admin:ApiKeys:0:Role"] = "admin",
            ["IamGateway:Admin:ApiKeys:0:Sha256"] = new string('0', 64),
            ["ReverseProxy:Clusters:iam:Destinations:a:Address"] = "http://127.0.0.1:1/",
            ["ReverseProxy:Clusters:iam:Destinations:a:Metadata:Version"] = Version,
        }).Build();
        var problems = new ConfigurationProblems();
        var settings = GatewaySettingsReader.Read(configuration, "Bench", problems)
            ?? throw new InvalidOperationException(string.Join('\n', problems.Lines));
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddGateway(settings, configuration, null, new GatewayMetrics());
        _services = services.BuildServiceProvider();
        var replica = _services.GetRequiredService<Replica>();
        await replica.StartAsync("bench", "bench:1", CancellationToken.None);
        _view = replica.View;
        _rules = settings.Sessions;
        _router = _services.GetRequiredService<SessionRouter>();
        _witness = _services.GetRequiredService<Witness>();
        _witnessValue = _witness.Value(_key, _key, 1);
        _view.Names.Set(_key, new NameCache.Entry(_key, 1, TimeProvider.System.GetTimestamp()));
        _http.Request.Path = "/auth/page";
        _http.Request.Headers.Cookie = "lang=de; theme=dark; IAM_SESSION=0123456789abcdef0123456789abcdef";
    }

    [GlobalCleanup]
    public void CleanUp() => _services?.Dispose();

    [Benchmark]
    public int SessionExtraction()
    {
        var request = new GatewayRequest(1);
        _rules!.Read(_http.Request, request, _view!.Secret);
        return request.HandleCount;
    }

    [Benchmark]
    public async ValueTask<int> DecisionInTheSteadyState()
    {
        var request = new GatewayRequest(1) { Instances = _instances };
        request.AddHandle(new Handle(_key, 0));
        await _router!.DecideAsync(request, isStateless: false, isHold: false);
        return request.Ordinal;
    }

    [Benchmark]
    public bool PinLookupOfARememberedFinal() => _view!.Names.TryGet(_key, out _);

    [Benchmark]
    public async ValueTask<int> PinLookupInTheEmbeddedStore() =>
        (await _store.ClaimAsync(
            _view!.Terms,
            new ClaimRequest(_key, new LeaseId(1, 1), 0, Must: false, MayRaise: true, Hold: false))).Pin;

    [Benchmark]
    public bool WitnessCheck() => _witness!.TryVerify(_witnessValue, _key, 1, out _, out _);
}
