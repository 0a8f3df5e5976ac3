using System.Globalization;
using Iamgw.Api;

namespace Iamgw.Rollouts;

/// <summary>Steps as they are typed: 5:10m,25:10m,50:manual,100.</summary>
internal static class StepList
{
    private const int LastWeight = 100;

    public static IReadOnlyList<StepOrder> Read(string text) => [.. text.Split(',').Select(Step)];

    private static StepOrder Step(string text)
    {
        var (share, hold) = text.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon
            ? (text[..colon], text[(colon + 1)..])
            : (text, null);
        if (!int.TryParse(share, NumberStyles.None, CultureInfo.InvariantCulture, out var weight)
            || weight is < 1 or > LastWeight || hold is "")
        {
            throw new Failure(
                ExitCode.Usage,
                $"--steps: '{Show.Clean(text)}' is not of the form WEIGHT:HOLD, for example 5:10m or 50:manual.");
        }

        // Who writes a plain 100 wants the drain to begin, not another hold.
        return new StepOrder(weight, hold ?? (weight == LastWeight ? "0s" : null));
    }
}
