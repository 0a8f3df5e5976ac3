using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using IamGateway.Configuration;
using IamGateway.Rollouts;

namespace IamGateway.Admin;

/// <summary>Reads what somebody asks for; what does not fit becomes one sentence that names the field.</summary>
internal static class RolloutBodyReader
{
    private const int MaxSteps = 50;
    private const int LastWeight = 100;
    private static readonly TimeSpan MaxHold = TimeSpan.FromDays(7);
    private static readonly TimeSpan MaxDrain = TimeSpan.FromDays(90);
    private static readonly TimeSpan DefaultHold = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan DefaultDrain = TimeSpan.FromHours(8);
    private static readonly int[] DefaultWeights = [5, 25, 50, LastWeight];
    private static readonly RolloutLimits DefaultLimits = new(0.01, 2, 200, 0.01, RolloutFailureAction.Pause);

    public static bool TryRead(
        RolloutBody body, GatewayOptions options, [NotNullWhen(true)] out RolloutOrder? order, out string sentence)
    {
        order = null;
        if (!VersionId.TryParse(body.To, out var to))
        {
            sentence = body.To is null
                ? "to is missing; name the version to upgrade to."
                : $"to: '{body.To}' is not a version of the form MAJOR.MINOR.PATCH (SemVer).";
            return false;
        }

        if (!TryName(body.ExistingSessions, options.Migration.ExistingSessions, out var existing))
        {
            sentence = $"existingSessions: '{body.ExistingSessions}' is not one of migrate and stay.";
            return false;
        }

        if (existing == ExistingSessions.Migrate && options.Affinity == SessionAffinity.Instance)
        {
            sentence = "existingSessions must be stay: each session lives on one instance "
                + "(IamGateway:Affinity=Instance).";
            return false;
        }

        if (!TryReadSteps(body.Steps, out var steps, out sentence)
            || !TryReadLimits(body.Analysis, out var limits, out sentence)
            || !TryReadDuration(
                body.DrainDeadline, "drainDeadline", DefaultDrain, MaxDrain, out var drain, out sentence))
            return false;
        order = new RolloutOrder(
            to, existing, steps, body.SchemaUpgraded == true, body.AllowSkip == true, limits, drain);
        return true;
    }

    private static bool TryReadSteps(
        IReadOnlyList<RolloutStepBody?>? bodies, out ImmutableArray<RolloutStep> steps, out string sentence)
    {
        sentence = "";
        steps = [.. DefaultWeights.Select(w => new RolloutStep(w, DefaultHold))];
        if (bodies is null)
            return true;
        var read = new List<RolloutStep>();
        sentence = $"steps must be a list of 1 to {MaxSteps} of {{\"weight\":5,\"hold\":\"10m\"}}.";
        if (bodies.Count is 0 or > MaxSteps)
            return false;
        foreach (var (index, body) in bodies.Index())
        {
            var last = read.Count == 0 ? 0 : read[^1].Weight;
            sentence = $"steps[{index}].weight must be an integer from 1 to {LastWeight}.";
            var weight = body?.Weight ?? 0;
            if (body is null || weight is < 1 or > LastWeight)
                return false;
            sentence = $"steps[{index}].weight is {weight}, and the step before it has {last}; weights must go up.";
            if (weight <= last)
                return false;
            TimeSpan? hold = null;
            if (body.Hold != "manual")
            {
                if (!TryReadDuration(
                    body.Hold, $"steps[{index}].hold", DefaultHold, MaxHold, out var duration, out sentence,
                    "manual, "))
                    return false;
                hold = duration;
            }

            read.Add(new RolloutStep(weight, hold));
        }

        if (read[^1].Weight != LastWeight)
            read.Add(new RolloutStep(LastWeight, TimeSpan.Zero));
        steps = [.. read];
        return true;
    }

    private static bool TryReadLimits(RolloutAnalysisBody? body, out RolloutLimits limits, out string sentence)
    {
        var standard = limits = DefaultLimits;
        sentence = "";
        if (body is null)
            return true;
        sentence = "analysis.maxErrorRate must be a share from 0 to 1, for example 0.01 for 1 %.";
        if (body.MaxErrorRate is < 0 or > 1)
            return false;
        sentence = "analysis.maxRefusalRate must be a share from 0 to 1, for example 0.01 for 1 %.";
        if (body.MaxRefusalRate is < 0 or > 1)
            return false;
        sentence = "analysis.maxP99Ratio must be a number from 1 to 1000, for example 1.5.";
        if (body.MaxP99Ratio is < 1 or > 1000)
            return false;
        sentence = "analysis.minRequests must be an integer from 0 to 1000000000.";
        if (body.MinRequests is < 0 or > 1_000_000_000)
            return false;
        sentence = $"analysis.onFailure: '{body.OnFailure}' is not one of pause and abort.";
        if (!TryName(body.OnFailure, standard.OnFailure, out var onFailure))
            return false;
        limits = new RolloutLimits(
            body.MaxErrorRate ?? standard.MaxErrorRate, body.MaxP99Ratio ?? standard.MaxP99Ratio,
            body.MinRequests ?? standard.MinRequests, body.MaxRefusalRate ?? standard.MaxRefusalRate, onFailure);
        return true;
    }

    private static bool TryReadDuration(
        string? text, string field, TimeSpan standard, TimeSpan max, out TimeSpan duration, out string sentence,
        string others = "")
    {
        sentence = $"{field}: '{text}' is not {others}a duration such as 90s, 10m, 8h, 1d or 00:10:00, at most "
            + $"{Duration.Format(max)}.";
        duration = standard;
        return text is null || Duration.TryParse(text, out duration) && duration <= max;
    }

    // By name only: numbers would mean something to the parser, and upper case to nobody else.
    private static bool TryName<T>(string? text, T standard, out T value)
        where T : struct, Enum
    {
        value = standard;
        if (text is null)
            return true;
        foreach (var candidate in Enum.GetValues<T>())
        {
            value = candidate;
            if (candidate.ToString().Equals(text, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}
