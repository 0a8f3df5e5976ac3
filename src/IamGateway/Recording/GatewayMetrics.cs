using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Rollouts;
using IamGateway.Routing;
using IamGateway.Sessions;
using Prometheus;

namespace IamGateway.Recording;

/// <summary>All metrics, under the names that dashboards and alerts use; labels are closed sets.</summary>
internal sealed class GatewayMetrics
{
    private static readonly double[] RequestBuckets =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private static readonly double[] StoreBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.2];
    private static readonly double[] WaitBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5];

    private readonly Counter _requests;
    private readonly Histogram _duration;
    private readonly Gauge _inFlight;
    private readonly Gauge _sessions;
    private readonly Counter _migrations;
    private readonly Counter _barrier;
    private readonly Histogram _barrierWait;
    private readonly Gauge _weight;
    private readonly Gauge _versionState;
    private readonly Gauge _instanceState;
    private readonly Counter _mismatch;
    private readonly Histogram _storeDuration;
    private readonly Counter _storeErrors;
    private readonly Gauge _storeUp;
    private readonly Counter _repairs;
    private readonly Counter _refusals;
    private readonly Counter _retries;
    private readonly Counter _violations;
    private readonly Gauge _revision;
    private readonly Gauge _acknowledged;
    private readonly Counter _dropped;
    private readonly Counter _full;
    private readonly Counter _ignored;
    private readonly Counter _reloads;
    private readonly Counter _rejected;
    private readonly Gauge _certificates;
    private readonly Gauge _rollout;
    private readonly Gauge _rolloutWaiting;
    private readonly Gauge _rolloutDue;
    private readonly Gauge _rolloutChanged;
    private readonly Counter _webhooks;
    private readonly Gauge _phase;
    private readonly Gauge _silent;
    private readonly Gauge _usable;
    private readonly Lock _lock = new();

    public GatewayMetrics()
    {
        Registry = Metrics.NewCustomRegistry();
        var factory = Metrics.WithCustomRegistry(Registry);
        DotNetStats.Register(Registry);
        _requests = factory.CreateCounter(
            "iamgateway_requests_total", "Requests by where they went and why.", "version", "instance", "code",
            "decision");
        _duration = factory.CreateHistogram(
            "iamgateway_request_duration_seconds", "Time from the first byte in to the last byte out.", ["version"],
            new HistogramConfiguration { Buckets = RequestBuckets });
        _inFlight = factory.CreateGauge(
            "iamgateway_requests_in_flight", "Requests an instance may be working on.", "version", "instance");
        _sessions = factory.CreateGauge("iamgateway_sessions", "Sessions by the version they are at.", "version");
        _migrations = factory.CreateCounter(
            "iamgateway_migrations_total", "Sessions moved up.", "from", "to", "reason");
        _barrier = factory.CreateCounter(
            "iamgateway_barrier_total", "Requests that met older requests of their session.", "outcome");
        _barrierWait = factory.CreateHistogram(
            "iamgateway_barrier_wait_seconds", "How long requests waited for older ones of their session.",
            new HistogramConfiguration { Buckets = WaitBuckets });
        _weight = factory.CreateGauge("iamgateway_weight", "Share of new sessions in per cent.", "version");
        _versionState = factory.CreateGauge(
            "iamgateway_version_state", "1 for the state a version is in.", "version", "state");
        _instanceState = factory.CreateGauge(
            "iamgateway_instance_state", "1 for the state an instance is in.", "instance", "version", "state");
        _mismatch = factory.CreateCounter(
            "iamgateway_instance_version_mismatch_total", "An instance reported another version than believed.",
            "instance");
        _storeDuration = factory.CreateHistogram(
            "iamgateway_store_duration_seconds", "Time of calls to the store.", ["operation"],
            new HistogramConfiguration { Buckets = StoreBuckets });
        _storeErrors = factory.CreateCounter(
            "iamgateway_store_errors_total", "Calls that the store did not carry out.", "operation");
        _storeUp = factory.CreateGauge("iamgateway_store_up", "1 while the store answers.");
        _repairs = factory.CreateCounter(
            "iamgateway_pin_repairs_total", "Pins raised to what an instance or a witness showed.", "source");
        _refusals = factory.CreateCounter("iamgateway_refusals_total", "Requests not forwarded.", "reason");
        _retries = factory.CreateCounter("iamgateway_retries_total", "Requests sent to a second instance.", "reason");
        _violations = factory.CreateCounter(
            "iamgateway_violations_total",
            "Times an instance was seen to have served a session below its pin. Must stay 0.");
        _revision = factory.CreateGauge("iamgateway_routing_revision", "Revision of the routing state applied here.");
        _acknowledged = factory.CreateGauge(
            "iamgateway_replica_acknowledged_revision", "Revision that a replica has acknowledged.", "replica");
        _dropped = factory.CreateCounter(
            "iamgateway_store_writes_dropped_total", "Queued writes given up because the queue was full.", "kind");
        _full = factory.CreateCounter(
            "iamgateway_store_full_total",
            "Sessions and names that were not recorded because the embedded store was full.");
        _ignored = factory.CreateCounter(
            "iamgateway_handles_ignored_total", "Places where a handle was expected and could not be read.", "reason");
        _rollout = factory.CreateGauge(
            "iamgateway_rollout_state", "1 for the state of the rollout that is under way or was the last.", "from",
            "to", "state");
        _rolloutWaiting = factory.CreateGauge(
            "iamgateway_rollout_waiting", "1 for what the rollout under way waits for.", "from", "to", "reason");
        _rolloutDue = factory.CreateGauge(
            "iamgateway_rollout_due_timestamp_seconds", "When the hold ends, or the drain at the latest.", "from",
            "to", "reason");
        _rolloutChanged = factory.CreateGauge(
            "iamgateway_rollout_changed_timestamp_seconds",
            "When the rollout came to the state and step where it is.", "from", "to", "state", "step");
        _phase = factory.CreateGauge(
            "iamgateway_routing_phase", "1 for the phase of the routing state applied here.", "phase");
        _silent = factory.CreateGauge(
            "iamgateway_replica_silent", "1 for a registered replica that has not reported for five seconds.",
            "replica");
        _usable = factory.CreateGauge(
            "iamgateway_usable_instances", "Instances of each active version that sessions can be sent to.",
            "version");
        _webhooks = factory.CreateCounter(
            "iamgateway_rollout_webhooks_total", "Calls of webhooks about rollouts.", "outcome");
        _reloads = factory.CreateCounter(
            "iamgateway_reloads_total", "Changes of the configured instances while the process runs.", "source",
            "result");
        _rejected = factory.CreateCounter(
            "iamgateway_rejected_requests_total", "What the listener rejected before it was a request.", "reason");
        _certificates = factory.CreateGauge(
            "iamgateway_certificate_expiry_timestamp_seconds", "When a certificate of this process expires.", "path");
        factory.CreateGauge("iamgateway_build_info", "1, with the version of the gateway.", "version")
            .WithLabels(typeof(GatewayMetrics).Assembly.GetName().Version?.ToString(3) ?? "0.0.0").Set(1);
        _storeUp.Set(1);
        foreach (var code in Faults)
            _refusals.WithLabels(Label(code));
        // What alerts watch for its first time must be there before: a counter that begins at 1 has no increase.
        _reloads.WithLabels("file", "rejected");
        _reloads.WithLabels("dns", "failed");
        _reloads.WithLabels("certificate", "rejected");
        _dropped.WithLabels("name");
    }

    public CollectorRegistry Registry { get; }

    /// <summary>The upper bounds of the histogram of request durations, in seconds.</summary>
    public static IReadOnlyList<double> DurationBounds => RequestBuckets;

    /// <summary>Refusals that the gateway or the instances are to blame for, not the end of one session or the
    /// client.</summary>
    public long RefusalCount => (long)Faults.Sum(c => _refusals.WithLabels(Label(c)).Value);

    private static IEnumerable<RefusalCode> Faults => Enum.GetValues<RefusalCode>()
        .Where(c => c is not (RefusalCode.None or RefusalCode.VersionRevoked or RefusalCode.AmbiguousPath
            or RefusalCode.BodyTooLarge or RefusalCode.TooManyNewSessions));

    public long ViolationCount => (long)_violations.Value;

    public long MigrationCount => (long)_migrations.GetAllLabelValues().Sum(l => _migrations.WithLabels(l).Value);

    public static string Label(Decision decision) => decision switch
    {
        Decision.New => "new",
        Decision.Pinned => "pinned",
        Decision.Final => "final",
        Decision.Migrated => "migrated",
        Decision.Unknown => "unknown",
        Decision.Stateless => "stateless",
        Decision.ForcedUp => "forced_up",
        _ => "refused",
    };

    public static string Label(RefusalCode code) => code switch
    {
        RefusalCode.NoInstance => "no_instance",
        RefusalCode.StoreUnavailable => "store_unavailable",
        RefusalCode.VersionRevoked => "version_revoked",
        RefusalCode.BarrierTimeout => "barrier_timeout",
        RefusalCode.NotReady => "not_ready",
        RefusalCode.Forgotten => "replica_forgotten",
        RefusalCode.AmbiguousPath => "ambiguous_path",
        RefusalCode.BodyTooLarge => "body_too_large",
        RefusalCode.TooManyNewSessions => "too_many_new_sessions",
        _ => "none",
    };

    /// <summary>The children of one instance, looked up once.</summary>
    public InstanceMetrics ForInstance(string version, string instance) => new(
        this, version, instance, _inFlight.WithLabels(version, instance), _duration.WithLabels(version));

    public Counter.Child Requests(string version, string instance, string code, string decision) =>
        _requests.WithLabels(version, instance, code, decision);

    public void Refused(RefusalCode code, int status)
    {
        _refusals.WithLabels(Label(code)).Inc();
        _requests.WithLabels("none", "none", status < 500 ? "4xx" : "5xx", Label(Decision.Refused)).Inc();
    }

    public void Migrated(VersionId from, VersionId to, TimeSpan waited)
    {
        _migrations.WithLabels(from.ToString(), to.ToString(), "weight").Inc();
        _barrier.WithLabels("passed").Inc();
        _barrierWait.Observe(waited.TotalSeconds);
    }

    public void Barrier(string outcome) => _barrier.WithLabels(outcome).Inc();

    public void StoreCall(string operation, TimeSpan duration) =>
        _storeDuration.WithLabels(operation).Observe(duration.TotalSeconds);

    public void StoreError(string operation) => _storeErrors.WithLabels(operation).Inc();

    public void StoreUp(bool up) => _storeUp.Set(up ? 1 : 0);

    public void WriteDropped(StoreWriteKind kind) =>
        _dropped.WithLabels(kind == StoreWriteKind.Refresh ? "refresh" : "name").Inc();

    public void StoreFull() => _full.Inc();

    public void HandleIgnored(string reason) => _ignored.WithLabels(reason).Inc();

    public void HandlesIgnored(IgnoredHandles ignored)
    {
        foreach (var reason in Enum.GetValues<IgnoredHandles>())
        {
            if (reason != IgnoredHandles.None && ignored.HasFlag(reason))
                HandleIgnored(reason.ToString().ToLowerInvariant());
        }
    }

    /// <summary>sent, failed or dropped.</summary>
    public void Webhook(string outcome) => _webhooks.WithLabels(outcome).Inc();

    public void Reloaded(string source, string result) => _reloads.WithLabels(source, result).Inc();

    /// <summary>The listener has rejected a request or a connection before it was one of the IAM's.</summary>
    public void Rejected(string reason) => _rejected.WithLabels(reason).Inc();

    public void CertificateExpires(string path, DateTimeOffset at) =>
        _certificates.WithLabels(path).Set(Seconds(at));

    public void Retried(string reason) => _retries.WithLabels(reason).Inc();

    public void Mismatch(string instance) => _mismatch.WithLabels(instance).Inc();

    public void Violation() => _violations.Inc();

    public void PinRepaired(string source) => _repairs.WithLabels(source).Inc();

    public void Sessions(IReadOnlyDictionary<string, long> byVersion)
    {
        lock (_lock)
            Replace(_sessions, byVersion.Select(v => ((string[])[v.Key], (double)v.Value)));
    }

    public void InstanceStates(IEnumerable<(string Instance, string Version, string State)> states)
    {
        lock (_lock)
            Replace(_instanceState, states.Select(s => ((string[])[s.Instance, s.Version, s.State], 1.0)));
    }

    public void SilentReplicas(IEnumerable<(string Replica, bool IsSilent)> replicas)
    {
        lock (_lock)
            Replace(_silent, replicas.Select(r => ((string[])[r.Replica], r.IsSilent ? 1.0 : 0)));
    }

    public void UsableInstances(IEnumerable<(string Version, int Count)> byVersion)
    {
        lock (_lock)
            Replace(_usable, byVersion.Select(v => ((string[])[v.Version], (double)v.Count)));
    }

    public void Routing(RoutingState state)
    {
        lock (_lock)
        {
            _revision.Set(state.Revision);
            Replace(_weight, state.Versions.Where(v => v.Status == VersionStatus.Active)
                .Select(v => ((string[])[v.Version.ToString()], (double)v.Weight)));
            Replace(_versionState, state.Versions
                .Select(v => ((string[])[v.Version.ToString(), v.Status.ToString().ToLowerInvariant()], 1.0)));
            Replace(_phase, [([state.Phase.ToString().ToLowerInvariant()], 1.0)]);
            Rollout(state.LatestRollout);
            Replace(_acknowledged, state.Replicas.Select(r => ((string[])[r.Name], (double)r.Acknowledged)));
        }
    }

    private void Rollout(Rollout? rollout)
    {
        if (rollout is null)
        {
            foreach (var gauge in new[] { _rollout, _rolloutWaiting, _rolloutDue, _rolloutChanged })
                Replace(gauge, []);
            return;
        }

        var (from, to) = (rollout.From.ToString(), rollout.To.ToString());
        var state = RolloutMove.Name(rollout.Status);
        var step = rollout.Step is { } index ? $"{index + 1}" : "none";
        Replace(_rollout, [([from, to, state], 1.0)]);
        Replace(_rolloutWaiting, rollout.WaitingFor is { } wait && !rollout.IsEnded
            ? [([from, to, RolloutMove.Name(wait)], 1.0)]
            : []);
        var due = rollout switch
        {
            { IsEnded: true } or { Status: RolloutStatus.Paused } => null,
            { Drain: { } drain } => ("drain", drain.Deadline),
            { WaitingFor: RolloutWait.Hold, HoldEndsAt: { } end } => ("hold", end),
            _ => default((string Reason, DateTimeOffset At)?),
        };
        Replace(_rolloutDue, due is { } d ? [([from, to, d.Reason], Seconds(d.At))] : []);
        Replace(_rolloutChanged, [([from, to, state, step], Seconds(rollout.UpdatedAt))]);
    }

    private static double Seconds(DateTimeOffset at) => at.ToUnixTimeMilliseconds() / 1000.0;

    // Series of what is gone would stand still for ever.
    private static void Replace(Gauge gauge, IEnumerable<(string[] Labels, double Value)> values)
    {
        var kept = new List<string[]>();
        foreach (var (labels, value) in values)
        {
            gauge.WithLabels(labels).Set(value);
            kept.Add(labels);
        }

        foreach (var labels in gauge.GetAllLabelValues().Where(l => !kept.Any(k => k.SequenceEqual(l))).ToArray())
            gauge.RemoveLabelled(labels);
    }
}
