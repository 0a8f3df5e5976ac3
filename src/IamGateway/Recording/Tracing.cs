using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace IamGateway.Recording;

/// <summary>
/// Traces to an OpenTelemetry collector, set up by the standard variables alone
/// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Without an endpoint there are
/// none, and no request pays for them.
/// </summary>
internal static class Tracing
{
    public static void AddTracing(this IServiceCollection services, IConfiguration configuration)
    {
        if (!IsWanted(configuration))
            return;
        services.AddOpenTelemetry()
            .ConfigureResource(r => r
                .AddService("iamgateway", serviceVersion: typeof(Tracing).Assembly.GetName().Version?.ToString(3))
                .AddEnvironmentVariableDetector())
            .WithTracing(t => t.AddSource(RequestSpan.SourceName).AddOtlpExporter());
    }

    private static bool IsWanted(IConfiguration configuration) =>
        (configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? configuration["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) is not
            (null or "")
        && configuration["OTEL_TRACES_EXPORTER"] is null or "otlp"
        && !string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase);
}
