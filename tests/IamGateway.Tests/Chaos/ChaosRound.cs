using System.Diagnostics;
using System.Text;
using DemoIam;
using IamGateway.Tests.Histories;
using IamGateway.Tests.Servers;

namespace IamGateway.Tests.Chaos;

/// <summary>
/// Two rollouts, one straight after the other, under users and faults, then a quiet time in which no request may be
/// refused.
/// </summary>
internal sealed class ChaosRound : IAsyncDisposable
{
    private const int Users = 16;
    private const int QuietSteps = 2;
    private static readonly string[] Versions = ["8.2.1", "8.3.0", "8.4.0"];
    private static readonly TimeSpan NamesMayBeQueued = TimeSpan.FromSeconds(10);
    private readonly List<DemoIamInstance> _instances = [];
    private readonly List<GatewayReplica> _replicas = [];
    private readonly List<User> _users = [];
    private readonly ChaosStore _store;
    private readonly Random _random;
    private readonly int _replicaCount;
    private readonly int _seed;
    private RolloutOperator? _operator;
    private long _lastSteady = Stopwatch.GetTimestamp();
    private volatile bool _isSteady = true;
    private volatile bool _faultsEnd;
    private readonly CancellationTokenSource _disposed = new();
    private readonly StringBuilder _shown = new();
    private OtlpReceiver? _collector;
    private Task _watching = Task.CompletedTask;
    private long _ended;

    public ChaosRound(string store, int replicas, int seed, IReadOnlyDictionary<string, string?>? settings = null)
    {
        _store = ChaosStore.Of(store);
        _random = new Random(seed);
        _replicaCount = replicas;
        _seed = seed;
        Settings = settings ?? new Dictionary<string, string?>();
    }

    private IReadOnlyDictionary<string, string?> Settings { get; }

    /// <summary>All that the replicas printed, exported and answered to operators.</summary>
    public IEnumerable<string> Shown => [_shown.ToString(), _collector!.Received, .. _replicas.Select(r => r.Output)];

    public Tally Tally { get; } = new();

    public long Started { get; private set; }

    public DateTime StartedAt { get; private set; }

    public IReadOnlyList<DemoIamInstance> Instances => _instances;

    public IReadOnlyList<GatewayReplica> Replicas => _replicas;

    public RolloutOperator Operator => _operator!;

    /// <summary>
    /// Sessions given up because a name of theirs may have died with its replica in the steady state.
    /// </summary>
    public int Dropped { get; private set; }

    public double ViolationsSeenByGateways { get; private set; }

    /// <summary>The time from the end of the last fault to a settled state.</summary>
    public TimeSpan SettledIn { get; private set; }

    /// <summary>
    /// The longest that an instance was at work; more than RequestTimeout would void what is promised.
    /// </summary>
    public TimeSpan LongestWork { get; private set; }

    /// <summary>Requests from this moment on are of the quiet time.</summary>
    public long QuietSince { get; private set; } = long.MaxValue;

    public async Task RunAsync(TimeSpan length)
    {
        await RunFaultsAsync(length, () => false);
        // So long it may take until a replica notices.
        await Task.Delay(2000);
        await Operator.SettleAsync();
        SettledIn = Stopwatch.GetElapsedTime(_ended);
        await CheckQuietAsync();
    }

    /// <summary>Ends as soon as the history shows a breach.</summary>
    public Task RunUntilBreachAsync(TimeSpan length) => RunFaultsAsync(
        length, () => !HistoryJudge.Judge(_instances.SelectMany(i => i.History)).IsClean);

    private async Task RunFaultsAsync(TimeSpan length, Func<bool> isEnough)
    {
        await StartAsync();
        await ActivateAsync("8.2.1", "8.3.0");
        var stop = Stopwatch.GetTimestamp() + (long)(length.TotalSeconds * Stopwatch.Frequency);
        var working = Task.WhenAll(_users.Select(u => WhileAsync(() => !_faultsEnd, u.StepAsync)).ToArray());
        var steering = SteerAsync(stop);
        var faults = Task.WhenAll(
            WhileAsync(() => !_faultsEnd, FailStoreAsync(new Random(_random.Next()))),
            WhileAsync(() => !_faultsEnd, FailReplicaAsync(new Random(_random.Next()))));
        var first = Task.WhenAny(steering, working, faults);
        while (!first.IsCompleted && !isEnough())
            await Task.WhenAny(first, Task.Delay(1000));
        _faultsEnd = true;
        await faults;
        _ended = Stopwatch.GetTimestamp();
        await steering;
        await working;
    }

    private async Task StartAsync()
    {
        _watching = Tally.WatchAsync(_disposed.Token);
        Started = Stopwatch.GetTimestamp();
        StartedAt = DateTime.Now;
        await _store.StartAsync();
        _collector = await OtlpReceiver.StartAsync();
        var state = new MemorySessionState();
        foreach (var version in Versions.SelectMany(v => new[] { v, v }))
        {
            _instances.Add(await DemoIamInstance.StartAsync(
                new DemoIamOptions { Version = version, HistoryLimit = 5_000_000 }, state));
        }

        for (var i = 0; i < _replicaCount; i++)
            _replicas.Add(NewReplica(i));
        await Task.WhenAll(_replicas.Select(r => r.StartAsync()));
        _operator = new RolloutOperator(_replicas, new Random(_random.Next()));
        for (var i = 0; i < Users; i++)
            _users.Add(new User($"user-{i}", _replicas, Tally, _random.Next()));
    }

    private GatewayReplica NewReplica(int index)
    {
        var (proxy, admin) = (Ports.Next(), Ports.Next());
        var settings = new Dictionary<string, string?>(Settings.Concat(_collector!.Settings))
        {
            ["Kestrel:Endpoints:Proxy:Url"] = $"http://127.0.0.1:{proxy}",
            ["Kestrel:Endpoints:Admin:Url"] = $"http://127.0.0.1:{admin}",
            ["ConnectionStrings:Redis"] = _store.ConnectionString(index),
            ["IamGateway:Store:KeyPrefix"] = "chaos",
            ["IamGateway:Store:RestoreWait"] = "00:00:03",
            ["IamGateway:Store:Timeout"] = "00:00:00.900",
            ["IamGateway:RequestTimeout"] = "00:00:02",
            ["IamGateway:Migration:MaxDeferral"] = "00:00:01",
            ["IamGateway:Migration:MaxWait"] = "00:00:03",
            ["IamGateway:AccessLog:Share"] = "1",
            ["Logging:LogLevel:IamGateway"] = "Information",
            ["Logging:Console:FormatterName"] = "simple",
            ["Logging:Console:FormatterOptions:SingleLine"] = "true",
            ["Logging:Console:FormatterOptions:TimestampFormat"] = "HH:mm:ss.fff ",
        };
        return new GatewayReplica(index, proxy, admin, Gateway.Arguments(_instances, settings));
    }

    private static async Task WhileAsync(Func<bool> goOn, Func<Task> step)
    {
        while (goOn())
            await step();
    }

    private async Task ActivateAsync(string older, string newer)
    {
        // A little steady state first, so that the rollout finds sessions, names in the queue and requests at work.
        await Task.WhenAll(_users.Select(u => u.StepAsync()).ToArray());
        var working = Task.WhenAll(_users.Select(u => u.StepAsync()).ToArray());
        await Operator.SetWeightsAsync((older, 90), (newer, 10));
        _isSteady = false;
        _lastSteady = Stopwatch.GetTimestamp();
        await working;
    }

    private async Task SteerAsync(long stop)
    {
        var random = new Random(_random.Next());
        var half = Stopwatch.GetTimestamp() + (stop - Stopwatch.GetTimestamp()) / 2;
        await ChangeWeightsAsync(random, "8.2.1", "8.3.0", half);
        _isSteady = true;
        await Operator.RetireAsync("8.2.1");
        await Operator.SetWeightsAsync(("8.3.0", 80), ("8.4.0", 20));
        _lastSteady = Stopwatch.GetTimestamp();
        _isSteady = false;
        await ChangeWeightsAsync(random, "8.3.0", "8.4.0", stop);
    }

    private async Task ChangeWeightsAsync(Random random, string older, string newer, long until)
    {
        while (!_faultsEnd && Stopwatch.GetTimestamp() < until)
        {
            var weight = random.Next(0, 11) * 10;
            await Operator.SetWeightsAsync((older, 100 - weight), (newer, weight));
            await Task.Delay(random.Next(100, 1500));
        }
    }

    private Func<Task> FailStoreAsync(Random random) => async () =>
    {
        await Task.Delay(random.Next(500, 4000));
        var fault = _store.Faults[random.Next(_store.Faults.Count)];
        await Tally.RunAsync(fault.Name, () => fault.RunAsync(random));
    };

    private Func<Task> FailReplicaAsync(Random random) => async () =>
    {
        await Task.Delay(random.Next(500, 4000));
        var replica = _replicas[random.Next(_replicas.Count)];
        switch (random.Next(5))
        {
            case < 2:
                await Tally.RunAsync("replica killed", async () =>
                {
                    var dead = replica.InRotation!;
                    await replica.KillAsync();
                    DropAtRisk(dead);
                    await Task.Delay(random.Next(0, 1500));
                    await replica.StartAsync();
                });
                break;
            case < 4:
                var pause = TimeSpan.FromMilliseconds(random.Next(1000, 3000));
                await Tally.RunAsync("replica paused", () => replica.PauseAsync(pause));
                break;
            default:
                await Tally.RunAsync("replica restarted (SIGTERM)", async () =>
                {
                    var old = replica.InRotation!;
                    await replica.StopAsync();
                    DropAtRisk(old);
                    await replica.StartAsync();
                });
                break;
        }
    };

    private void DropAtRisk(Incarnation dead)
    {
        var since = Stopwatch.GetTimestamp() - (long)(NamesMayBeQueued.TotalSeconds * Stopwatch.Frequency);
        if (!_isSteady && Volatile.Read(ref _lastSteady) < since)
            return;
        Dropped += _users.Count(u => u.Session is { IsDropped: false } session && session.DropIfAtRisk(dead, since));
    }

    private async Task CheckQuietAsync()
    {
        QuietSince = Stopwatch.GetTimestamp();
        await WorkAsync();
        await Operator.SetWeightsAsync(("8.3.0", 40), ("8.4.0", 60));
        await WorkAsync();
        var working = WorkAsync();
        await Operator.RetireAsync("8.3.0");
        await working;
        await WorkAsync();
        foreach (var replica in _replicas)
        {
            var metrics = await replica.Admin.GetStringAsync("/metrics");
            _shown.AppendLine(metrics);
            foreach (var resource in (string[])["status", "versions", "replicas", "instances", "events"])
                _shown.AppendLine(await replica.Admin.GetStringAsync($"/api/v1/{resource}"));
            var line = metrics.Split('\n')
                .First(l => l.StartsWith("iamgateway_violations_total ", StringComparison.Ordinal));
            ViolationsSeenByGateways += double.Parse(line.Split(' ')[1]);
        }
    }

    private Task WorkAsync() => Task.WhenAll(_users.Select(async user =>
    {
        for (var i = 0; i < QuietSteps; i++)
            await user.StepAsync();
    }).ToArray());

    /// <summary>Stops what is at work, so that the history is complete.</summary>
    public async Task<Verdict> JudgeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        foreach (var instance in _instances)
            await instance.DisposeAsync();
        var history = _instances.SelectMany(i => i.History).ToArray();
        LongestWork = history.GroupBy(e => (e.Instance, e.Request))
            .Select(g => Stopwatch.GetElapsedTime(g.Min(e => e.Timestamp), g.Max(e => e.Timestamp)))
            .DefaultIfEmpty().Max();
        return HistoryJudge.Judge(history);
    }

    /// <summary>Writes all that is known of a round that went wrong, and says where.</summary>
    public string Dump(Verdict? verdict)
    {
        var directory = Directory.CreateTempSubdirectory($"iamgw-chaos-seed-{_seed}-").FullName;
        string At(long timestamp) => $"{StartedAt + Stopwatch.GetElapsedTime(Started, timestamp):HH:mm:ss.fff}";
        void Write(string name, IEnumerable<string> lines) => File.WriteAllLines(Path.Combine(directory, name), lines);

        Write("verdict.txt", [$"{verdict}", .. verdict?.WentBack ?? [], .. verdict?.Overlapped ?? []]);
        Write("faults.txt", Tally.Faults.OrderBy(f => f.Begin).Select(f => $"{At(f.Begin)} {At(f.End)} {f.Name}"));
        Write("attempts.txt", Operator.Attempts);
        Write("requests.txt", Tally.Requests.OrderBy(r => r.Begin).Select(r =>
            $"{At(r.Begin)} {At(r.End)} {r.User} replica {r.Gateway.Replica} {r.Path} {r.Outcome} {r.Detail}"));
        var bad = (verdict?.WentBack ?? []).Concat(verdict?.Overlapped ?? []).Select(v => v.Split(':')[0]).ToHashSet();
        Write("history.txt", _instances.SelectMany(i => i.History).Where(e => bad.Contains(e.Sid))
            .OrderBy(e => e.Sid).ThenBy(e => e.Timestamp)
            .Select(e => $"{e.Sid} {At(e.Timestamp)} {e.Kind} {e.Version} {e.Instance} #{e.Request} {e.Path}"));
        for (var i = 0; i < _replicas.Count; i++)
            Write($"replica-{i}.txt", [_replicas[i].Output]);
        return directory;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        foreach (var instance in _instances)
            await instance.DisposeAsync();
        await _store.DisposeAsync();
        if (_collector is not null)
            await _collector.DisposeAsync();
        await _disposed.CancelAsync();
        await _watching;
        _disposed.Dispose();
    }
}
