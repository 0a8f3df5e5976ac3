using IamGateway.Forwarding;

namespace IamGateway.Recording;

/// <summary>What access log and trace say of a request: no handle, no query, nothing of a body.</summary>
/// <param name="Session">The first characters of its session's keyed hash; null: it names no session.</param>
internal readonly record struct RequestFacts(
    string? Session, string? Version, string? Instance, string Decision, string? Refusal, int Status, int Repeats,
    TimeSpan Duration, TimeSpan Store, TimeSpan Barrier)
{
    private const int SessionLength = 8;

    /// <summary>The gateway refused it, or the answer was a server error.</summary>
    public bool HasFailed => Refusal is not null || Status >= StatusCodes.Status500InternalServerError;

    public static RequestFacts Of(GatewayRequest request, int status, TimeSpan duration) => new(
        request.HandleCount > 0 ? request[0].Key.ToString()[..SessionLength] : null, request.Version?.ToString(),
        request.InstanceId, GatewayMetrics.Label(request.Decision),
        request.Refusal == RefusalCode.None ? null : GatewayMetrics.Label(request.Refusal), status, request.Repeats,
        duration, request.StoreTime, request.BarrierTime);
}
