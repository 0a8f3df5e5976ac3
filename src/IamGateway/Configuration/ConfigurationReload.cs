using System.Text.RegularExpressions;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Sessions;
using Microsoft.Extensions.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace IamGateway.Configuration;

/// <summary>
/// Judges a configuration that has changed while the process runs: it is applied as a whole or not at all. Instances,
/// routes, clusters, keys and passwords change at once, the rest of the section IamGateway with the next start.
/// </summary>
internal sealed partial class ConfigurationReload
{
    private readonly IConfiguration _configuration;
    private readonly string _environment;
    private readonly IServiceProvider _services;
    private readonly GatewayMetrics _metrics;
    private readonly ILogger<ConfigurationReload> _logger;
    private readonly Dictionary<string, string?> _atStart;
    private readonly FileConfigurationProvider[] _files;
    private volatile string? _unreadable;

    public ConfigurationReload(
        IConfiguration configuration, IHostEnvironment environment, IServiceProvider services, GatewayMetrics metrics,
        ILogger<ConfigurationReload> logger)
    {
        (_configuration, _environment, _services) = (configuration, environment.EnvironmentName, services);
        (_metrics, _logger) = (metrics, logger);
        _atStart = OwnSection();
        _files = [.. ((IConfigurationRoot)configuration).Providers.OfType<FileConfigurationProvider>()];
        foreach (var file in _files)
            file.Source.OnLoadException = NoteUnreadable;
    }

    // Else a file that is no JSON would be an empty one to everybody.
    private void NoteUnreadable(FileLoadExceptionContext context)
    {
        var reason = context.Exception.GetBaseException().Message.ReplaceLineEndings(" ");
        _unreadable = $"{context.Provider.Source.Path}: it is not valid JSON configuration: {reason}";
        context.Ignore = true;
    }

    /// <summary>Reads the settings anew; null: something is wrong, and the log says what.</summary>
    public async Task<GatewaySettings?> ReadAsync(IProxyConfig proxy)
    {
        var problems = new ConfigurationProblems();
        GatewaySettings? settings = null;
        var lines = new List<string>();
        if ((Interlocked.Exchange(ref _unreadable, null) ?? Missing()) is { } unreadable)
        {
            lines.Add(unreadable);
        }
        else
        {
            settings = GatewaySettingsReader.Read(_configuration, _environment, problems);
            lines.AddRange(problems.Lines);
            lines.AddRange(await ProxyProblemsAsync(proxy));
        }

        if (lines.Count == 0)
            return settings;
        foreach (var line in lines)
            Log.Rejected(_logger, line);
        _metrics.Reloaded("file", "rejected");
        return null;
    }

    /// <summary>What was read has taken effect.</summary>
    public void Applied(GatewaySettings settings)
    {
        Log.Applied(_logger, settings.Instances.Count);
        ExchangeSecrets(settings.Options);
        var now = OwnSection();
        List<string> changed =
        [
            .. now.Keys.Union(_atStart.Keys)
                .Where(k => !Exchanged.IsMatch(k) && Value(now, k) != Value(_atStart, k)).Order(),
        ];
        var isRedisNew = _services.GetService<RedisLogin>() is { } login
            ? !login.TryExchange(settings.Redis)
            : settings.Redis is not null;
        if (isRedisNew)
            changed.Add("ConnectionStrings:Redis");
        if (changed.Count > 0)
            Log.NeedsRestart(_logger, string.Join(", ", changed));
        _metrics.Reloaded("file", "applied");
    }

    // Those that are no longer configured are worth nothing from now on.
    private void ExchangeSecrets(GatewayOptions read)
    {
        var running = _services.GetRequiredService<GatewaySettings>().Options;
        running.Admin.ApiKeys = read.Admin.ApiKeys;
        _services.GetRequiredService<Witness>().UseKeys(read.Witness.Keys);
        if (running.Admin.Oidc is { } oidc && read.Admin.Oidc is { } client
            && (oidc.Authority, oidc.ClientId) == (client.Authority, client.ClientId))
            oidc.ClientSecret = client.ClientSecret;
        foreach (var (hook, now) in running.Rollout.Webhooks.Zip(read.Rollout.Webhooks))
        {
            if (hook.Url == now.Url)
                hook.Secret = now.Secret;
        }
    }

    /// <summary>It could not be judged.</summary>
    public void Failed(Exception error)
    {
        Log.Failed(_logger, error);
        _metrics.Reloaded("file", "rejected");
    }

    // A file that is gone is an empty one to the configuration, too.
    private string? Missing()
    {
        foreach (var source in _files.Select(f => f.Source).Where(s => !s.Optional))
        {
            if (source is { Path: { } path, FileProvider: { } folder } && !folder.GetFileInfo(path).Exists)
                return $"{path}: there is no such file any more.";
        }

        return null;
    }

    /// <summary>What YARP would refuse.</summary>
    private async Task<List<string>> ProxyProblemsAsync(IProxyConfig proxy)
    {
        // Not before: it needs what needs the configuration.
        var validator = _services.GetRequiredService<IConfigValidator>();
        var errors = new List<Exception>();
        foreach (var cluster in proxy.Clusters)
            errors.AddRange(await validator.ValidateClusterAsync(cluster));
        foreach (var route in proxy.Routes)
            errors.AddRange(await validator.ValidateRouteAsync(route));
        return [.. errors.Select(e => $"ReverseProxy: {e.Message.ReplaceLineEndings(" ")}")];
    }

    private Dictionary<string, string?> OwnSection() => _configuration.GetSection("IamGateway").AsEnumerable()
        .Where(s => s.Value is not null).ToDictionary(s => s.Key, s => s.Value, StringComparer.OrdinalIgnoreCase);

    [GeneratedRegex(
        @"^IamGateway:(Admin:ApiKeys:|Witness:Keys:|Admin:Oidc:ClientSecret$|Rollout:Webhooks:\d+:Secret$)",
        RegexOptions.IgnoreCase)]
    private static partial Regex Exchanged { get; }

    private static string? Value(Dictionary<string, string?> section, string key) => section.GetValueOrDefault(key);

    private static partial class Log
    {
        [LoggerMessage(
            9000, LogLevel.Error, "The changed configuration is not applied, everything stays as it was. {Problem}")]
        public static partial void Rejected(ILogger logger, string problem);

        [LoggerMessage(9001, LogLevel.Information, "The changed configuration is applied; it names {Count} instances.")]
        public static partial void Applied(ILogger logger, int count);

        [LoggerMessage(9002, LogLevel.Warning, "What has changed here takes effect with the next start: {Keys}.")]
        public static partial void NeedsRestart(ILogger logger, string keys);

        [LoggerMessage(
            9003, LogLevel.Error, "The changed configuration could not be read; everything stays as it was.")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
