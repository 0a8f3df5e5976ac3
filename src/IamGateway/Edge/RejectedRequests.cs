using IamGateway.Recording;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Edge;

/// <summary>
/// Counts the requests that the server rejects by itself, before anything else sees them. It tells of them in its log
/// only; the text, which repeats what was sent, is not looked at.
/// </summary>
[ProviderAlias("RejectedRequests")]
internal sealed class RejectedRequests(GatewayMetrics metrics) : ILoggerProvider, ILogger
{
    public const string Category = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    // Of what comes or is read more slowly than Limits:BodyRate there is no exception, but for bodies in HTTP/1, whose
    // entry names the request.
    private const string SlowBody = "RequestBodyMinimumDataRateNotSatisfied";
    private const string SlowReader = "ResponseMinimumDataRateNotSatisfied";

    public ILogger CreateLogger(string categoryName) => this;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (eventId.Name is SlowReader || eventId.Name is SlowBody && !NamesRequest(state))
            metrics.Rejected("too_slow");
        if (exception is not BadHttpRequestException rejected)
            return;
        metrics.Rejected(rejected.StatusCode switch
        {
            StatusCodes.Status408RequestTimeout => "too_slow",
            StatusCodes.Status413PayloadTooLarge => "body_too_large",
            StatusCodes.Status414UriTooLong => "request_line_too_long",
            StatusCodes.Status431RequestHeaderFieldsTooLarge => "headers_too_large",
            _ => "malformed",
        });
    }

    private static bool NamesRequest<TState>(TState state) =>
        state is IEnumerable<KeyValuePair<string, object?>> fields
        && fields.Any(f => f is { Key: "TraceIdentifier", Value: not null });

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Dispose()
    {
    }
}
