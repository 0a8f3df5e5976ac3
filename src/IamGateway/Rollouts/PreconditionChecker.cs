using System.Collections.Immutable;
using System.Net.Sockets;
using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Reports;
using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>Looks at everything that the preconditions need.</summary>
internal sealed class PreconditionChecker(
    Replica replica, ReplicaReports reports, InstanceTable instances, InstanceHealth health, IRoutingStore store,
    GatewaySettings settings, RolloutHttp http, TimeProvider time, IServiceProvider services)
{
    public const string VersionHeader = "X-IamGateway-Version";
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    public async Task<ImmutableArray<Precondition>> CheckAsync(RolloutOrder order, CancellationToken cancellation)
    {
        var answers = UntilReplicasAnswerAsync(cancellation);
        var from = RolloutOrder.From(replica.View.State);
        var facts = Task.WhenAll(instances.All.OrderBy(i => i.Id, StringComparer.Ordinal)
            .Where(i => i.Version == from || i.Version == order.To).Select(i => LookAsync(i, cancellation)));
        var schema = settings.Options.Rollout.SchemaCheckUrl is { } url && !order.SchemaUpgraded
            ? http.TryAsync(
                HttpMethod.Get, url, null, settings.Options.Rollout.SchemaCheckTimeout, cancellation,
                (VersionHeader, order.To.ToString()))
            : Task.FromResult<string?>(null);
        var (storeText, storeProblem) = await LookAtStoreAsync();
        await answers;
        return Preconditions.Check(replica.View.State, order, new PreconditionFacts
        {
            Now = time.GetUtcNow(),
            Instances = await facts,
            Store = storeText,
            StoreProblem = storeProblem,
            SilentReplicas = [.. reports.Silent.Select(r => r.Name)],
            SchemaProblem = await schema,
            Options = settings.Options.Rollout,
            Affinity = settings.Options.Affinity,
            MinimumVersion = settings.MinimumVersion,
        });
    }

    private async Task UntilReplicasAnswerAsync(CancellationToken cancellation)
    {
        try
        {
            await reports.UntilAllAnswerAsync(cancellation);
        }
        catch (StoreUnavailableException)
        {
            // That is told by the look at the store.
        }
    }

    private async Task<InstanceFact> LookAsync(Instance instance, CancellationToken cancellation)
    {
        var problem = instance switch
        {
            { Draining: true } => "is draining",
            { IsUsable: false } => "is quarantined",
            _ => health.Of(instance.Id) switch
            {
                "unhealthy" => "is unhealthy",
                "unknown" => await ConnectAsync(new Uri(instance.Address), cancellation),
                _ => null,
            },
        };
        return new InstanceFact(instance.Id, instance.Version!, problem);
    }

    // Without active health checks nothing is known of an instance that has had no request yet.
    private async Task<string?> ConnectAsync(Uri address, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellation);
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(address.IdnHost, address.Port, either.Token);
            return null;
        }
        catch (SocketException e)
        {
            return $"cannot be reached ({e.SocketErrorCode})";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return "cannot be reached (no answer)";
        }
    }

    private async Task<(string Text, string? Problem)> LookAtStoreAsync()
    {
        if (services.GetService<RedisConnection>() is not { } redis)
            return ("embedded, so there is a single replica and its pins are lost with the process", null);
        try
        {
            await store.ReadAsync(replica.View.State);
            if (await redis.EvictionPolicyAsync() is { } policy)
            {
                return ("", $"Redis may evict names (maxmemory-policy {policy}), which would split sessions; set "
                    + "noeviction.");
            }

            var copies = await redis.ReplicaCountAsync();
            return (
                copies == 0
                    ? "Redis without a replica of its own: if it is lost, sessions on the old version move up"
                    : $"Redis with {copies} {(copies == 1 ? "replica" : "replicas")} of its own, and does not evict",
                null);
        }
        catch (StoreUnavailableException)
        {
            return ("", "The store does not answer; bring it back first.");
        }
    }
}
