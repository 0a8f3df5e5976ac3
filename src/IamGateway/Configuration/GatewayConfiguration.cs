using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Configuration.KeyPerFile;
using Microsoft.Extensions.FileProviders;

namespace IamGateway.Configuration;

/// <summary>
/// Where settings come from: appsettings, then the file of --config, then the folder of --secrets with a file for each
/// key, then the environment, then the command line.
/// </summary>
internal static class GatewayConfiguration
{
    /// <summary>
    /// Takes <c>--config FILE</c> and <c>--secrets FOLDER</c> (or with =) out of the command line.
    /// </summary>
    public static (string? File, string? Secrets, string[] Others) Split(string[] args)
    {
        string? file = null;
        string? secrets = null;
        var rest = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (Value("--config", args, ref i) is { } config)
                file = config;
            else if (Value("--secrets", args, ref i) is { } folder)
                secrets = folder;
            else
                rest.Add(args[i]);
        }

        return (file, secrets, [.. rest]);
    }

    private static string? Value(string option, string[] args, ref int i)
    {
        if (args[i] == option)
            return ++i < args.Length ? args[i] : "";
        return args[i].StartsWith(option + "=", StringComparison.Ordinal) ? args[i][(option.Length + 1)..] : null;
    }

    /// <summary>Puts the file, and over it the folder, below the environment and the command line.</summary>
    public static void Layer(IConfigurationBuilder configuration, string? file, string? secrets)
    {
        if (file is not null)
        {
            var source = new JsonConfigurationSource
            {
                Path = Path.GetFullPath(file),
                Optional = false,
                ReloadOnChange = true,
            };
            source.ResolveFileProvider();
            Insert(configuration, source);
        }

        if (secrets is not null)
            Insert(configuration, new KeyPerFileConfigurationSource
            {
                FileProvider = new PhysicalFileProvider(Path.GetFullPath(secrets)),
                ReloadOnChange = true,
            });
    }

    private static void Insert(IConfigurationBuilder configuration, IConfigurationSource source)
    {
        var sources = configuration.Sources;
        var place = sources.Count;
        for (var i = sources.Count - 1; i >= 0; i--)
        {
            if (sources[i] is CommandLineConfigurationSource
                || sources[i] is EnvironmentVariablesConfigurationSource { Prefix: null or "" })
                place = i;
        }

        sources.Insert(place, source);
    }

    /// <summary>The same settings without a host, for the verbs.</summary>
    public static IConfiguration Build(string[] args)
    {
        var (file, secrets, rest) = Split(args);
        var builder = new ConfigurationBuilder()
            .SetBasePath(AppContext.BaseDirectory)
            .AddJsonFile("appsettings.json", optional: true)
            .AddEnvironmentVariables()
            .AddCommandLine(rest);
        Layer(builder, File.Exists(file) ? file : null, Directory.Exists(secrets) ? secrets : null);
        return builder.Build();
    }

    /// <summary>The settings of one listener only, for the host that owns it.</summary>
    public static IConfiguration Listener(IConfiguration configuration, string name, string defaultUrl)
    {
        const string Prefix = "Kestrel:";
        var other = $"Endpoints:{(name == "Proxy" ? "Admin" : "Proxy")}";
        var settings = configuration.GetSection("Kestrel").AsEnumerable(makePathsRelative: true)
            .Where(s => s.Key.Length > 0 && !s.Key.StartsWith(other, StringComparison.OrdinalIgnoreCase))
            .ToDictionary(s => s.Key, s => s.Value);
        if (name == "Admin")
        {
            foreach (var key in settings.Keys.Where(k => k.StartsWith("Endpoints:", StringComparison.OrdinalIgnoreCase)
                && !k.StartsWith("Endpoints:Admin", StringComparison.OrdinalIgnoreCase)).ToArray())
                settings.Remove(key);
        }

        if (configuration[$"{Prefix}Endpoints:{name}:Url"] is null)
            settings[$"Endpoints:{name}:Url"] = defaultUrl;
        return new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
    }
}
