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

    public ILogger CreateLogger(string categoryName) => this;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
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

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Dispose()
    {
    }
}
