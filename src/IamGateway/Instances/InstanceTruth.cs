using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Threading.Channels;
using IamGateway.Configuration;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using Microsoft.Extensions.Logging;

namespace IamGateway.Instances;

/// <summary>
/// Keeps the table of instances true: asks each instance now and then, and takes in what connections and responses
/// show. What was configured is only the first belief.
/// </summary>
internal sealed partial class InstanceTruth(
    InstanceTable instances, InstanceHealth health, VersionProbe probe, Replica replica, GatewaySettings settings,
    GatewayMetrics metrics, TimeProvider time, ILogger<InstanceTruth> logger)
    : BackgroundService
{
    private readonly WakeUp _wake = new();
    private readonly Channel<Found> _found = Channel.CreateBounded<Found>(
        new BoundedChannelOptions(256) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly HashSet<KnownFingerprint> _learned = [];
    private readonly ConcurrentDictionary<string, string> _unproven = new();

    /// <summary>How connections to instances are encrypted; set with the cluster's settings.</summary>
    public SslClientAuthenticationOptions Tls { get; set; } = new();

    /// <summary>Takes in an answer, and returns the version that it proves.</summary>
    public VersionId? Learn(Instance instance, ProbeAnswer answer)
    {
        var version = answer.Version;
        if (answer.Fingerprint is { } fingerprint)
            version = Judge(instance, fingerprint);
        if (version is null)
        {
            NotProven(instance, answer.Problem);
            return null;
        }

        _unproven.TryRemove(instance.Id, out _);
        // What a response of it has contradicted is counted already.
        var isCounted = instances.Find(instance.Id)?.Problem is not null;
        if (instances.Report(instance.Id, version) is { } before)
        {
            if (!isCounted)
                metrics.Mismatch(instance.Id);
            Log.AnotherVersion(logger, instance.Id, before, version);
            _found.Writer.TryWrite(new Found("instance.version", instance.Id, before, version, null));
        }
        else if (replica.HasView && replica.View.State.Find(version) is null)
        {
            _found.Writer.TryWrite(new Found("instance.version", instance.Id, null, version, null));
        }

        return version;
    }

    private void NotProven(Instance instance, string? problem)
    {
        if (problem is null)
            return;
        if (instance.Reported is null)
            instances.Quarantine(instance.Id, problem);
        // Once, not with every probe.
        if (_unproven.GetValueOrDefault(instance.Id) != problem)
            Log.NotProven(logger, instance.Id, problem);
        _unproven[instance.Id] = problem;
    }

    private VersionId? Judge(Instance instance, string fingerprint)
    {
        Fingerprints.Verdict verdict;
        lock (_learned)
        {
            verdict = Fingerprints.Judge(
                [.. replica.View.State.Fingerprints, .. _learned], instance.Id, instance.Named, fingerprint);
            if (verdict.IsFirst)
                _learned.Add(new KnownFingerprint(instance.Id, fingerprint, verdict.Version!));
        }

        if (verdict.IsFirst)
            _found.Writer.TryWrite(new Found("instance.fingerprint", instance.Id, null, verdict.Version!, fingerprint));
        instances.Seen(instance.Id, fingerprint);
        if (verdict.Problem is { } problem && instances.Quarantine(instance.Id, problem))
        {
            metrics.Mismatch(instance.Id);
            Log.HeldBack(logger, instance.Id, problem);
            _found.Writer.TryWrite(new Found("instance.held_back", instance.Id, instance.Version, null, null));
        }

        return verdict.Version;
    }

    /// <summary>
    /// A response said that it comes from another version than its connection was for: the instance is out until it is
    /// proven.
    /// </summary>
    public void Contradicted(string id, VersionId believed, VersionId reported)
    {
        var problem = $"a response of it said that it is {reported}, and it was taken for {believed}";
        if (!instances.Quarantine(id, problem))
            return;
        Log.HeldBack(logger, id, problem);
        _found.Writer.TryWrite(new Found("instance.contradicted", id, believed, reported, null));
        _wake.Call();
    }

    /// <summary>The first round is over before the proxy listens, so that what is there can be used.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        instances.Changed += _wake.Call;
        if (probe.IsConfigured)
            await ProbeAllAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(ProbeNowAndThenAsync(stoppingToken), TellAsync(stoppingToken));

    private async Task ProbeNowAndThenAsync(CancellationToken stop)
    {
        var discovery = settings.Options.Versions.Discovery;
        if (!probe.IsConfigured && discovery.ResponseHeader is null)
            return;
        while (!stop.IsCancellationRequested)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stop);
            await Task.WhenAny(
                _wake.WaitAsync(Timeout.InfiniteTimeSpan, either.Token),
                Task.Delay(discovery.Interval, time, either.Token));
            await either.CancelAsync();
            if (!stop.IsCancellationRequested)
                await ProbeAllAsync(stop);
        }
    }

    private Task ProbeAllAsync(CancellationToken stop) => Task.WhenAll(
        instances.All.Where(i => probe.IsConfigured || i.Problem is not null).Select(i => ProbeAsync(i, stop)));

    private async Task ProbeAsync(Instance instance, CancellationToken stop)
    {
        var address = new Uri(instance.Address);
        using var patience = new CancellationTokenSource(settings.Options.Versions.Discovery.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop);
        try
        {
            await using var connection = await ProvenConnector.OpenAsync(
                new DnsEndPoint(address.IdnHost, address.Port), address.Scheme == Uri.UriSchemeHttps ? Tls : null,
                null, either.Token);
            Learn(instance, await probe.AskAsync(connection, address, either.Token));
            health.Answered(instance.Id);
        }
        catch (Exception e) when (
            e is IOException or SocketException or AuthenticationException or OperationCanceledException)
        {
            // Whether it can be reached is the health checks' to say; a connection that proves nothing is not used.
            if (!stop.IsCancellationRequested)
                Log.NotProbed(logger, instance.Id, e.Message);
        }
    }

    /// <summary>Brings what was found into the routing state and the event log, once the store is there.</summary>
    private async Task TellAsync(CancellationToken stop)
    {
        try
        {
            await foreach (var found in _found.Reader.ReadAllAsync(stop))
            {
                while (!await TryTellAsync(found))
                    await Task.Delay(TimeSpan.FromSeconds(1), time, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private async Task<bool> TryTellAsync(Found found)
    {
        try
        {
            await replica.ChangeAsync(
                s =>
                {
                    var next = found.To is null ? s : s.Know([found.To], time.GetUtcNow());
                    if (found is { Fingerprint: { } fingerprint, To: { } version })
                        next = next.Learn(new KnownFingerprint(found.Instance, fingerprint, version));
                    // What changes nothing is written all the same, for its event.
                    return ReferenceEquals(next, s) ? s with { } : next;
                },
                replica.Name, found.What, $"{found.Instance} {found.To}".TrimEnd(), found.From?.ToString());
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    public override void Dispose()
    {
        instances.Changed -= _wake.Call;
        _wake.Dispose();
        base.Dispose();
    }

    private sealed record Found(string What, string Instance, VersionId? From, VersionId? To, string? Fingerprint);

    private static partial class Log
    {
        [LoggerMessage(
            5000, LogLevel.Warning,
            "Instance '{Instance}' was taken for {Before} and is {Version}; it is used as such.")]
        public static partial void AnotherVersion(
            ILogger logger, string instance, VersionId before, VersionId version);

        [LoggerMessage(5001, LogLevel.Warning, "No session goes to instance '{Instance}': {Problem}.")]
        public static partial void HeldBack(ILogger logger, string instance, string problem);

        [LoggerMessage(5002, LogLevel.Warning, "Instance '{Instance}' does not prove its version: {Problem}.")]
        public static partial void NotProven(ILogger logger, string instance, string? problem);

        [LoggerMessage(5003, LogLevel.Debug, "Instance '{Instance}' was not asked for its version: {Reason}")]
        public static partial void NotProbed(ILogger logger, string instance, string reason);
    }
}
