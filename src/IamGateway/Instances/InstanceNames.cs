using System.Net;
using System.Net.Sockets;
using IamGateway.Configuration;
using IamGateway.Recording;
using Microsoft.Extensions.Logging;

namespace IamGateway.Instances;

/// <summary>Asks for the addresses of a host name.</summary>
internal delegate Task<IPAddress[]> ResolveHost(string host, CancellationToken cancellation);

/// <summary>
/// Fills the table with the instances that the configuration names, and with those behind its host names: they come and
/// go as the records do. While a name has no address, or nobody answers for it, it keeps what it had: whether those
/// instances are there is for the health checks to say.
/// </summary>
internal sealed partial class InstanceNames(
    InstanceTable table, GatewaySettings settings, ResolveHost resolve, TimeProvider time, GatewayMetrics metrics,
    ILogger<InstanceNames> logger)
    : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Dictionary<string, IPAddress[]> _known = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _failing = new(StringComparer.OrdinalIgnoreCase);
    private IReadOnlyList<InstanceOptions> _configured = settings.Instances;

    /// <summary>What the configuration names has changed.</summary>
    public async Task ConfigureAsync(IReadOnlyList<InstanceOptions> instances)
    {
        await _turn.WaitAsync();
        try
        {
            _configured = instances;
            Apply();
            await ResolveAsync(CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(settings.Options.Dns.Refresh, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await RefreshAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private async Task RefreshAsync(CancellationToken stop)
    {
        await _turn.WaitAsync(stop);
        try
        {
            await ResolveAsync(stop);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task ResolveAsync(CancellationToken stop)
    {
        var names = _configured.Where(i => i.IsName).Select(i => i.Address.IdnHost)
            .Distinct(StringComparer.OrdinalIgnoreCase).ToArray();
        var hasChanged = false;
        foreach (var answer in await Task.WhenAll(names.Select(n => AskAsync(n, stop))))
        {
            if (answer.Problem is { } problem)
            {
                metrics.Reloaded("dns", "failed");
                // Once, not with every refresh.
                if (_failing.Add(answer.Host))
                    Log.NotResolved(logger, answer.Host, problem);
                continue;
            }

            _failing.Remove(answer.Host);
            if (_known.TryGetValue(answer.Host, out var before) && before.SequenceEqual(answer.Addresses))
                continue;
            _known[answer.Host] = answer.Addresses;
            hasChanged = true;
            Log.Resolved(logger, answer.Host, string.Join(", ", answer.Addresses.Select(a => a.ToString())));
        }

        if (!hasChanged)
            return;
        Apply();
        metrics.Reloaded("dns", "applied");
    }

    private async Task<(string Host, IPAddress[] Addresses, string? Problem)> AskAsync(
        string host, CancellationToken stop)
    {
        try
        {
            var addresses = await resolve(host, stop).WaitAsync(Patience, time, stop);
            return addresses.Length == 0
                ? (host, [], "it has no address")
                : (host, [.. addresses.Distinct().OrderBy(a => a.ToString(), StringComparer.Ordinal)], null);
        }
        catch (Exception e) when (e is SocketException or TimeoutException or ArgumentException)
        {
            return (host, [], e.Message.TrimEnd('.'));
        }
    }

    private void Apply()
    {
        var all = _configured.Where(i => !i.IsName).ToList();
        foreach (var name in _configured.Where(i => i.IsName))
        {
            foreach (var address in _known.GetValueOrDefault(name.Address.IdnHost) ?? [])
            {
                var instance = new InstanceOptions(
                    $"{name.Id}-{address.ToString().Replace(':', '-')}",
                    new UriBuilder(name.Address) { Host = address.ToString() }.Uri, name.Version,
                    ResolvedFrom: name.Id);
                // One address is one instance.
                if (!all.Exists(i => i.Address == instance.Address || i.Id == instance.Id))
                    all.Add(instance);
            }
        }

        table.Configure(all);
    }

    public override void Dispose()
    {
        _turn.Dispose();
        base.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(5200, LogLevel.Information, "Instances of '{Host}' are at {Addresses}.")]
        public static partial void Resolved(ILogger logger, string host, string addresses);

        [LoggerMessage(
            5201, LogLevel.Warning, "'{Host}' cannot be resolved: {Problem}. It keeps the instances that it had.")]
        public static partial void NotResolved(ILogger logger, string host, string problem);
    }
}
