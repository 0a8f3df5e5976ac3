using System.Diagnostics;
using IamGateway.Forwarding;
using Microsoft.Extensions.Primitives;

namespace IamGateway.Recording;

/// <summary>
/// The header <c>traceparent</c> towards the IAM (W3C Trace Context, https://www.w3.org/TR/trace-context/): of the
/// request's span if it is traced, else the caller's, else one of its own, so that the lines of gateway and IAM can be
/// put together.
/// </summary>
internal static class TraceParent
{
    public const string Header = "traceparent";
    public const string StateHeader = "tracestate";
    private const int TraceIdAt = 3;
    private const int TraceIdLength = 32;
    private const int Length = 55;

    /// <summary>Says which one the request has, and whether it differs from the caller's.</summary>
    public static bool Choose(GatewayRequest request, StringValues callers)
    {
        if (request.Span is { Id: { } id })
        {
            request.TraceParent = id;
            return true;
        }

        var caller = callers.Count == 1 && ActivityContext.TryParse(callers[0], null, out _) ? callers[0] : null;
        request.TraceParent = caller ?? New();
        return caller is null;
    }

    public static string? TraceIdOf(string? traceParent) => traceParent?.Substring(TraceIdAt, TraceIdLength);

    // Not sampled. The second half of the trace's identifier is random enough for the one span that it has here. Nobody
    // must be unable to guess it, so no random bytes are asked from the system for each request.
    private static string New() => string.Create(Length, 0, static (text, _) =>
    {
        Span<byte> bytes = stackalloc byte[TraceIdLength / 2];
        Random.Shared.NextBytes(bytes);
        "00-".CopyTo(text);
        Convert.TryToHexStringLower(bytes, text[TraceIdAt..], out _);
        text[TraceIdAt + TraceIdLength] = '-';
        Convert.TryToHexStringLower(bytes[8..], text[(TraceIdAt + TraceIdLength + 1)..], out _);
        "-00".CopyTo(text[^3..]);
    });
}
