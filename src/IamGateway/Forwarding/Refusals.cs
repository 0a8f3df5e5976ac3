using System.Text.Json;
using IamGateway.Recording;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Forwarding;

/// <summary>The gateway's own answers to requests it does not forward (RFC 9457), cookies untouched.</summary>
internal static class Refusals
{
    public const string Header = "X-IamGateway-Refusal";

    public static Task WriteAsync(HttpContext http, RefusalCode code)
    {
        var (status, title, detail, retryAfter) = Describe(code);
        var label = GatewayMetrics.Label(code);
        http.Response.Clear();
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/problem+json";
        http.Response.Headers[Header] = label;
        http.Response.Headers.CacheControl = "no-store";
        if (retryAfter is not null)
            http.Response.Headers.RetryAfter = retryAfter;
        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            type = $"urn:iamgateway:refusal:{label}",
            title,
            status,
            detail,
        });
        http.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask
            : http.Response.Body.WriteAsync(body, http.RequestAborted).AsTask();
    }

    private static (int Status, string Title, string Detail, string? RetryAfter) Describe(
        RefusalCode code) => code switch
        {
            RefusalCode.NoInstance => (
                503, "No instance", "No usable instance has the version of this session or a higher one.", "2"),
            RefusalCode.StoreUnavailable => (
                503, "Store unavailable", "The version of this session cannot be proven now; try again.", "1"),
            RefusalCode.VersionRevoked => (
                401, "Session ended", "The version that this session lived on was revoked; log in again.", null),
            RefusalCode.BarrierTimeout => (
                503, "Session busy", "Older requests of this session are still at work; try again.", "1"),
            RefusalCode.Forgotten => (
                503, "Replica ends", "This replica of the gateway was forgotten; another one will answer.", "1"),
            RefusalCode.AmbiguousPath => (
                400, "Ambiguous path",
                "The path has dot segments, parameters, empty segments or escaped separators; send it without.", null),
            RefusalCode.BodyTooLarge => (
                413, "Body too large", "The request's body is longer than is allowed here.", null),
            RefusalCode.TooManyNewSessions => (
                429, "Too many new sessions", "This client begins too many sessions; try again later.", "2"),
            _ => (503, "Not ready", "The gateway does not know yet where sessions are; try again.", "1"),
        };
}
