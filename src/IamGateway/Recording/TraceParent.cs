using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
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
    private static readonly ulong First = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    private static readonly ulong Second = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <summary>Says which one the request has, and whether it differs from the caller's.</summary>
    public static bool Choose(GatewayRequest request, StringValues callers)
    {
        if (request.Span is { Id: { } id })
        {
            request.TraceParent = id;
            return true;
        }

        var caller = callers.Count == 1 && ActivityContext.TryParse(callers[0], null, out _) ? callers[0] : null;
        request.TraceParent = caller ?? New(request.Number);
        return caller is null;
    }

    public static string? TraceIdOf(string? traceParent) => traceParent?.Substring(TraceIdAt, TraceIdLength);

    // Not sampled. The second half of the trace's identifier is random enough for the one span that it has here. Nobody
    // must be unable to guess it, so the system is asked for random bytes once and not for each request.
    private static string New(long number) => string.Create(Length, number, static (text, number) =>
    {
        Span<byte> bytes = stackalloc byte[TraceIdLength / 2];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Spread(First + (ulong)number));
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Spread(Second + (ulong)number));
        "00-".CopyTo(text);
        Convert.TryToHexStringLower(bytes, text[TraceIdAt..], out _);
        text[TraceIdAt + TraceIdLength] = '-';
        Convert.TryToHexStringLower(bytes[8..], text[(TraceIdAt + TraceIdLength + 1)..], out _);
        "-00".CopyTo(text[^3..]);
    });

    // The output function of SplitMix64 (https://doi.org/10.1145/2714064.2660195): different numbers stay different.
    private static ulong Spread(ulong value)
    {
        value *= 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}
