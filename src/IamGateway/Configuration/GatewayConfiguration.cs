using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace IamGateway.Configuration;

/// <summary>
/// Where settings come from: appsettings, then the file of --config, then the environment, then the command line.
/// </summary>
internal static class GatewayConfiguration
{
    /// <summary>Splits <c>--config FILE</c> (or --config=FILE) from the rest of the command line.</summary>
    public static (string? File, string[] Others) Split(string[] args)
    {
        string? file = null;
        var rest = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--config")
                file = ++i < args.Length ? args[i] : "";
            else if (args[i].StartsWith("--config=", StringComparison.Ordinal))
                file = args[i]["--config=".Length..];
            else
                rest.Add(args[i]);
        }

        return (file, [.. rest]);
    }

    /// <summary>Puts the file below the environment and the command line.</summary>
    public static void Layer(IConfigurationBuilder configuration, string file)
    {
        var sources = configuration.Sources;
        var place = sources.Count;
        for (var i = sources.Count - 1; i >= 0; i--)
        {
            if (sources[i] is CommandLineConfigurationSource
                || sources[i] is EnvironmentVariablesConfigurationSource { Prefix: null or "" })
                place = i;
        }

        var source = new JsonConfigurationSource
        {
            Path = Path.GetFullPath(file),
            Optional = false,
            ReloadOnChange = true,
        };
        source.ResolveFileProvider();
        sources.Insert(place, source);
    }

    /// <summary>The same settings without a host, for the verbs.</summary>
    public static IConfiguration Build(string[] args)
    {
        var (file, rest) = Split(args);
        var builder = new ConfigurationBuilder()
            .SetBasePath(AppContext.BaseDirectory)
            .AddJsonFile("appsettings.json", optional: true)
            .AddEnvironmentVariables()
            .AddCommandLine(rest);
        if (file is not null && File.Exists(file))
            Layer(builder, file);
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
