using System.Globalization;

namespace IamGateway.Tests.Endurance;

/// <summary>How long these tests go on: shortly among the others, for long with <c>tests/endurance.sh</c>.</summary>
internal static class Lengths
{
    public static int WeightChanges { get; } = Of("IAMGATEWAY_WEIGHT_CHANGES", 20);

    public static int Restarts { get; } = Of("IAMGATEWAY_RESTARTS", 2);

    public static TimeSpan Abuse { get; } = TimeSpan.FromSeconds(Of("IAMGATEWAY_ABUSE_SECONDS", 8));

    /// <summary>
    /// How much of the load that everything together can take is there beside the abuse, in per cent; 0: none is.
    /// </summary>
    public static int AbuseLoad { get; } = Of("IAMGATEWAY_ABUSE_LOAD", 0);

    private static int Of(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value)
            ? value
            : otherwise;
}
