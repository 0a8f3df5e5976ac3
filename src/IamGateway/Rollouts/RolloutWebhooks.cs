using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using IamGateway.Configuration;
using IamGateway.Recording;
using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>
/// Tells the configured addresses of every transition that this replica has written, in order, signed, and never in the
/// way of the rollout: the queue is bounded, and what is not taken after a few attempts is given up. The audit log has
/// all of them.
/// </summary>
internal sealed partial class RolloutWebhooks(
    Replica replica, GatewaySettings settings, RolloutHttp http, GatewayMetrics metrics, TimeProvider time,
    ILogger<RolloutWebhooks> logger) : BackgroundService
{
    public const string SignatureHeader = "X-IamGateway-Signature";
    public const string TimestampHeader = "X-IamGateway-Timestamp";
    public const string DeliveryHeader = "X-IamGateway-Delivery";
    private const int Capacity = 256;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <summary>The waits between attempts.</summary>
    private static readonly TimeSpan[] BackOff =
        [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(25)];

    private readonly Hook[] _hooks = [.. settings.Options.Rollout.Webhooks.Select((o, i) => new Hook(i, o))];

    /// <summary>A secret that is base64 of at least 32 bytes stands for these, any other for its characters.</summary>
    public static byte[] Key(string secret)
    {
        var bytes = new byte[secret.Length];
        return Convert.TryFromBase64String(secret, bytes, out var length) && length >= 32
            ? bytes[..length]
            : Encoding.UTF8.GetBytes(secret);
    }

    /// <summary>
    /// Over the timestamp, a dot and the body, so that an old call cannot be sent again as a new one.
    /// </summary>
    public static string Sign(byte[] key, string timestamp, byte[] body) =>
        "sha256=" + Convert.ToHexStringLower(
            HMACSHA256.HashData(key, (byte[])[.. Encoding.ASCII.GetBytes(timestamp + "."), .. body]));

    private void Enqueue(RolloutMove move)
    {
        var (rollout, transition) = (move.Rollout, move.Transition);
        Log.Moved(logger, rollout.Id, rollout.From, rollout.To, transition.State, transition.Who, transition.Reason);
        if (_hooks.Length == 0)
            return;
        var name = RolloutMove.Name(transition.State);
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                @event = "rollout." + name,
                rollout = rollout.Id,
                from = rollout.From,
                to = rollout.To,
                state = name,
                step = rollout.Step,
                weight = rollout.CurrentStep?.Weight,
                at = transition.At,
                who = transition.Who,
                reason = transition.Reason,
                revision = transition.Revision,
            },
            RoutingJson.Options);
        foreach (var hook in _hooks.Where(h => h.Wants(name)))
        {
            if (!hook.Queue.Writer.TryWrite(body))
                GiveUp(hook, "dropped", "too many wait");
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        replica.RolloutMoved += Enqueue;
        return Task.WhenAll(_hooks.Select(h => SendAllAsync(h, stoppingToken)));
    }

    private async Task SendAllAsync(Hook hook, CancellationToken stop)
    {
        try
        {
            await foreach (var body in hook.Queue.Reader.ReadAllAsync(stop))
                await SendAsync(hook, body, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What is left is in the audit log.
        }
    }

    private async Task SendAsync(Hook hook, byte[] body, CancellationToken stop)
    {
        var delivery = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        for (var attempt = 0; ; attempt++)
        {
            var timestamp = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            var problem = await http.TryAsync(
                HttpMethod.Post, hook.Url, body, Timeout, stop,
                (SignatureHeader, Sign(hook.Key, timestamp, body)), (TimestampHeader, timestamp),
                (DeliveryHeader, delivery));
            if (problem is null)
            {
                metrics.Webhook("sent");
                return;
            }

            if (attempt == BackOff.Length)
            {
                GiveUp(hook, "failed", problem);
                return;
            }

            await Task.Delay(BackOff[attempt], time, stop);
        }
    }

    private void GiveUp(Hook hook, string outcome, string reason)
    {
        metrics.Webhook(outcome);
        Log.GivenUp(logger, hook.Index, reason);
    }

    private sealed class Hook(int index, WebhookOptions options)
    {
        public int Index { get; } = index;

        public string Url { get; } = options.Url!;

        /// <summary>The secret may be exchanged.</summary>
        public byte[] Key => Key(options.Secret!);

        public Channel<byte[]> Queue { get; } = Channel.CreateBounded<byte[]>(Capacity);

        public bool Wants(string state) =>
            options.Events.Count == 0 || options.Events.Contains(state, StringComparer.OrdinalIgnoreCase);
    }

    private static partial class Log
    {
        [LoggerMessage(
            4001, LogLevel.Information, "Rollout '{Id}' from {From} to {To} is {State} by '{Who}': {Reason}.")]
        public static partial void Moved(
            ILogger logger, string id, VersionId from, VersionId to, RolloutStatus state, string who, string reason);

        [LoggerMessage(4002, LogLevel.Warning, "A call of webhook {Index} was given up: {Reason}.")]
        public static partial void GivenUp(ILogger logger, int index, string reason);
    }
}
