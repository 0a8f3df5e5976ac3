using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// What a gateway in this process logs, with scopes and fields, at the level of production whatever the test's is.
/// </summary>
internal sealed class LoggedOutput(Output output) : ILoggerProvider, ISupportExternalScope
{
    private IExternalScopeProvider? _scopes;

    public static void Add(IServiceCollection services, Output output)
    {
        services.AddSingleton<ILoggerProvider>(new LoggedOutput(output));
        services.PostConfigure<LoggerFilterOptions>(options =>
        {
            // A rule for one provider goes before those for all, so that what is said of categories is said again.
            LoggerFilterRule[] rules = [.. options.Rules];
            foreach (var rule in rules.Where(r => r is { ProviderName: null, CategoryName: not null }))
                options.AddFilter<LoggedOutput>(rule.CategoryName, rule.LogLevel ?? LogLevel.Trace);
            options.AddFilter<LoggedOutput>(null, LogLevel.Information);
        });
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose()
    {
        // What was logged is searched later.
    }

    private sealed class Logger(LoggedOutput of, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => of._scopes?.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            var line = new System.Text.StringBuilder($"{category} {formatter(state, exception)} {exception}");
            Append(line, state);
            of._scopes?.ForEachScope(static (scope, text) => Append(text, scope), line);
            of.Write(line.ToString());
        }

        private static void Append(System.Text.StringBuilder line, object? state)
        {
            if (state is not IEnumerable<KeyValuePair<string, object?>> fields)
            {
                line.Append(' ').Append(state);
                return;
            }

            foreach (var (name, value) in fields)
                line.Append(' ').Append(name).Append('=').Append(value);
        }
    }

    private void Write(string line) => output.Write(line);
}
