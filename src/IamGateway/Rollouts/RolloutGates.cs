using System.Text.Json;
using IamGateway.Configuration;
using IamGateway.Routing;

namespace IamGateway.Rollouts;

/// <summary>
/// Asks the configured gates before each step. While one does not answer 2xx the step waits, and it is asked again.
/// </summary>
internal sealed class RolloutGates(GatewaySettings settings, RolloutHttp http, TimeProvider time)
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(10);
    private readonly List<GateOptions> _gates = settings.Options.Rollout.Gates;
    private Question? _asked;

    public bool Any => _gates.Count > 0;

    /// <summary>The answer about a step, or null while it is awaited. Called by one executor at a time.</summary>
    public GateAnswer? Ask(Rollout rollout, int step, CancellationToken stop)
    {
        if (_asked is not { } asked || asked.Rollout != rollout.Id || asked.Step != step
            || asked.Answer.IsCompleted && time.GetElapsedTime(asked.At) >= RetryInterval)
        {
            asked = _asked = new Question(rollout.Id, step, AskAsync(rollout, step, stop), time.GetTimestamp());
        }

        return asked.Answer.IsCompletedSuccessfully ? new GateAnswer(step, asked.Answer.Result) : null;
    }

    private async Task<string?> AskAsync(Rollout rollout, int step, CancellationToken stop)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                rollout = rollout.Id,
                from = rollout.From,
                to = rollout.To,
                step,
                steps = rollout.Steps.Length,
                weight = rollout.Steps[step].Weight,
            },
            RoutingJson.Options);
        foreach (var (index, gate) in _gates.Index())
        {
            if (await http.TryAsync(HttpMethod.Post, gate.Url!, body, gate.Timeout, stop) is { } refusal)
                return $"gate {index} ({new Uri(gate.Url!).Host}): {refusal}";
        }

        return null;
    }

    private sealed record Question(string Rollout, int Step, Task<string?> Answer, long At);
}
