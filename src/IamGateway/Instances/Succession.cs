using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Routing;
using Microsoft.Extensions.Logging;

namespace IamGateway.Instances;

/// <summary>
/// Instances that were upgraded in place while nobody told the gateway: when no instance of the active version is left,
/// the version that took their addresses is activated, so that sessions move up instead of being refused.
/// </summary>
internal sealed partial class Succession(
    Replica replica, InstanceTable instances, GatewaySettings settings, TimeProvider time,
    ILogger<Succession> logger)
{
    private readonly Lock _lock = new();
    private Task _activation = Task.CompletedTask;

    /// <summary>
    /// Waits until a version that can serve has taken over, so that the request is to be decided anew; false: there is
    /// none, or it could not.
    /// </summary>
    public async ValueTask<bool> TakesOverAsync(GatewayRequest request, VersionInstances usable)
    {
        // Another request may have brought it about after this one was decided.
        if (Successor(usable) is not { } version)
            return !ReferenceEquals(request.View, replica.View);
        Task activation;
        lock (_lock)
        {
            if (_activation.IsCompleted)
                _activation = ActivateAsync(version);
            activation = _activation;
        }

        var patience = settings.Options.Migration.MaxWait;
        var started = time.GetTimestamp();
        try
        {
            await activation.WaitAsync(patience, time);
        }
        catch (TimeoutException)
        {
            return false;
        }

        return await replica.WaitForAsync(
            s => s.Find(version)?.Status == VersionStatus.Active, patience - time.GetElapsedTime(started));
    }

    private VersionId? Successor(VersionInstances usable)
    {
        var state = replica.View.State;
        return instances.All
            .Where(i => i.IsUsable && i.Before is not null && usable.Has(i.Version!)
                && state.Find(i.Before)?.Status == VersionStatus.Active && i.Version! > state.Newest.Version
                && state.Find(i.Version!)?.Status is null or VersionStatus.Registered or VersionStatus.Active)
            .Select(i => i.Version!).Min();
    }

    private async Task ActivateAsync(VersionId version)
    {
        try
        {
            var change = await replica.ChangeAsync(
                s => s.Find(version)?.Status == VersionStatus.Active || s.Pending == version
                    ? s
                    : s.Know([version], time.GetUtcNow())
                        .SetWeights(new Dictionary<VersionId, int> { [version] = 100 }),
                replica.Name, "succession", version.ToString());
            if (change.Refusal is { } refusal)
                Log.Refused(logger, version, refusal.Detail);
            else
                Log.TakesOver(logger, version);
        }
        catch (StoreUnavailableException e)
        {
            Log.Refused(logger, version, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            5100, LogLevel.Warning,
            "No instance of an active version is left; {Version}, to which its instances were upgraded in place, is "
            + "activated.")]
        public static partial void TakesOver(ILogger logger, VersionId version);

        [LoggerMessage(5101, LogLevel.Error, "Version {Version} cannot take over: {Reason}")]
        public static partial void Refused(ILogger logger, VersionId version, string reason);
    }
}
