using System.Text.Json;
using IamGateway.Pins;
using IamGateway.Routing;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Admin;

/// <summary>
/// Answers that are no success, as RFC 9457 problems: one sentence that names the field or key and says what to do.
/// </summary>
internal static class AdminProblems
{
    public static IResult Of(int status, string code, string detail, object? extra = null)
    {
        var extensions = new Dictionary<string, object?> { ["code"] = code };
        if (extra is not null)
        {
            foreach (var property in extra.GetType().GetProperties())
                extensions[property.Name] = property.GetValue(extra);
        }

        return Results.Problem(
            detail, statusCode: status, type: $"urn:iamgateway:problem:{code}", extensions: extensions);
    }

    public static IResult Of(Refusal refusal) => Of(
        refusal.IsConflict ? 409 : 400, refusal.Code, refusal.Detail,
        refusal.Replicas is { } replicas ? new { replicas } : null);

    public static IResult BadField(string detail) => Of(400, "bad_request", detail);

    /// <summary>What a store that is away or a caller is to blame for is an answer and no fault to log.</summary>
    public static ExceptionHandlerOptions Handler { get; } = new()
    {
        ExceptionHandler = HandleAsync,
        SuppressDiagnosticsCallback = c =>
            c.Exception is StoreUnavailableException or BadHttpRequestException or JsonException,
    };

    private static async Task HandleAsync(HttpContext http)
    {
        var error = http.Features.Get<IExceptionHandlerFeature>()?.Error;
        var result = error switch
        {
            StoreUnavailableException => Unavailable(http),
            BadHttpRequestException bad => Of(bad.StatusCode, "bad_request", bad.Message),
            JsonException => BadField("The body is not valid JSON."),
            _ => Of(500, "internal_error", "The gateway failed to answer; its log has the reason."),
        };
        await result.ExecuteAsync(http);
    }

    private static IResult Unavailable(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "1";
        return Of(503, "store_unavailable", "The store does not answer, so nothing was changed; try again.");
    }

    /// <summary>Status codes that come without a body, such as those of authentication.</summary>
    public static Task WriteStatusAsync(StatusCodeContext context)
    {
        var http = context.HttpContext;
        var (code, detail) = http.Response.StatusCode switch
        {
            401 => ("unauthorized", "Send a valid key in X-Api-Key or a valid Bearer token."),
            403 => ("forbidden", "Your role does not allow this; it takes a higher one of viewer, operator, admin."),
            404 => ("not_found", $"There is nothing at {http.Request.Path}."),
            405 => ("method_not_allowed", $"{http.Request.Method} is not possible at {http.Request.Path}."),
            415 => ("unsupported_media_type", "Send the body as application/json."),
            var status => ($"status_{status}", "The request was not carried out."),
        };
        return Of(http.Response.StatusCode, code, detail).ExecuteAsync(http);
    }
}
