using Microsoft.Extensions.Logging.Console;

namespace IamGateway.Recording;

/// <summary>
/// Log categories of the libraries that print request lines, query strings or header fragments. A handle may stand in
/// them, so they stay below that at whatever level the operator sets for everything.
/// </summary>
internal static class SecretFreeLogs
{
    private static readonly (string Category, LogLevel Level)[] Talkative =
    [
        // "Request starting", with the query string, and around every other line the path, where servlet containers put
        // handles behind a semicolon.
        ("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None),
        // "candidate(s) found for the request path", with the path.
        ("Microsoft.AspNetCore.Routing", LogLevel.Warning),
        // "Proxying to", with the query string.
        ("Yarp.ReverseProxy.Forwarder.HttpForwarder", LogLevel.Warning),
        // The request line or header that could not be parsed.
        ("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.Information),
    ];

    public static void AddSecretFreeLogs(this ILoggingBuilder logging)
    {
        foreach (var (category, level) in Talkative)
        {
            logging.AddFilter(category, level);
            // A level set for the console alone would go before the line above.
            logging.AddFilter<ConsoleLoggerProvider>(category, level);
        }
    }
}
