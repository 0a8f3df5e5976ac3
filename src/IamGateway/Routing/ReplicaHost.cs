using IamGateway.Admin;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Pins;

namespace IamGateway.Routing;

/// <summary>
/// Ties the replica to the life of the process: registered before the proxy listens, gone after its last request.
/// </summary>
internal sealed class ReplicaHost(
    Replica replica, AdminHost admin, OpenConnections connections, GatewaySettings settings,
    IHostApplicationLifetime lifetime, TimeProvider time, IServiceProvider services)
    : IHostedLifecycleService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (services.GetService<RedisConnection>() is { } redis)
            replica.ProbeAsync = redis.ProbeAsync;
        replica.OnForgotten = () =>
        {
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        };
        lifetime.ApplicationStarted.Register(() => replica.IsListening = true);
        lifetime.ApplicationStopping.Register(() => replica.IsLeaving = true);
        var address = $"{Environment.MachineName}:{admin.Port}";
        await replica.StartAsync(address, address, cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Readiness is false and requests are still served, until balancers have seen it. Then the listeners close.
    /// </summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        replica.IsLeaving = true;
        if (settings.Options.ShutdownDelay > TimeSpan.Zero && !replica.IsForgotten)
        {
            await Task.Delay(settings.Options.ShutdownDelay, time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // Early, so that they have come to their end when ShutdownTimeout has passed.
        var half = settings.Options.ShutdownTimeout / 2;
        connections.CloseAll(settings.Options.Drain.CloseWithin < half ? settings.Options.Drain.CloseWithin : half);
    }

    /// <summary>Every server has stopped: nothing comes in any more.</summary>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        // Not the host's token: it has ended when requests outlive ShutdownTimeout, and leaving matters most then.
        using var patience = new CancellationTokenSource(settings.Options.Store.Timeout * 5);
        if (!replica.IsForgotten)
            await replica.LeaveAsync(patience.Token);
    }
}
