using System.Collections;
using System.ComponentModel;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Configuration;

/// <summary>Collects what is wrong with the configuration, so that the operator sees all of it at once.</summary>
internal sealed class ConfigurationProblems
{
    private readonly List<string> _lines = [];
    private readonly List<string> _misshapen = [];

    public IReadOnlyList<string> Lines => _lines;

    public bool Any => _lines.Count > 0;

    /// <summary>Adds one line: the key, and a sentence that says what to do.</summary>
    public void Add(string key, string sentence)
    {
        // What only follows from a setting that was left out as misshapen is no problem of its own.
        if (!_misshapen.Exists(p => IsUnder(p, key)))
            _lines.Add($"{key}: {sentence}");
    }

    private void AddMisshapen(string path, string sentence)
    {
        _lines.Add($"{path}: {sentence}");
        _misshapen.Add(path);
    }

    /// <summary>
    /// The same settings without the misshapen ones, so that the others can be bound and checked, too.
    /// </summary>
    public IConfigurationSection WellShaped(IConfigurationSection section) => new ConfigurationBuilder()
        .AddInMemoryCollection(section.AsEnumerable().Where(s => !_misshapen.Exists(p => IsUnder(s.Key, p))))
        .Build().GetSection(section.Path);

    private static bool IsUnder(string path, string prefix) =>
        path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
        && (path.Length == prefix.Length || path[prefix.Length] == ':');

    /// <summary>Reports keys that no option has and values that do not fit their option.</summary>
    public void CheckShape(IConfigurationSection section, Type type)
    {
        if (Element(type) is { } element)
        {
            foreach (var child in section.GetChildren())
                CheckValue(child, element);
            return;
        }

        var properties = type.GetProperties().Where(p => p.CanWrite)
            .ToDictionary(p => p.Name, p => p.PropertyType, StringComparer.OrdinalIgnoreCase);
        foreach (var child in section.GetChildren())
        {
            if (properties.TryGetValue(child.Key, out var property))
                CheckValue(child, property);
            else
                AddMisshapen(child.Path,
                    $"there is no such setting; known here are {string.Join(", ", properties.Keys.Order())}.");
        }
    }

    private void CheckValue(IConfigurationSection section, Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.Namespace?.StartsWith(nameof(IamGateway), StringComparison.Ordinal) == true && !type.IsEnum
            || Element(type) is not null)
        {
            if (section.Value is { Length: > 0 })
                AddMisshapen(section.Path, "this is a section and not a single value.");
            CheckShape(section, type);
            return;
        }

        if (section.Value is null)
        {
            if (section.GetChildren().Any())
                AddMisshapen(section.Path, "this is a single value and not a section.");
            return;
        }

        if (type == typeof(string)
            || TypeDescriptor.GetConverter(type).IsValid(section.Value) && IsNamed(type, section.Value))
            return;
        AddMisshapen(section.Path, $"'{section.Value}' is not {Describe(type)}.");
    }

    // The enum converter takes numbers too, which mean nothing to a reader.
    private static bool IsNamed(Type type, string value) => !type.IsEnum || !int.TryParse(value, out _);

    private static Type? Element(Type type) => type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type)
        ? type.GetGenericArguments()[0]
        : null;

    private static string Describe(Type type) => type switch
    {
        _ when type == typeof(TimeSpan) => "a time span of the form [days.]hours:minutes:seconds, for example 00:00:30",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(int) => "a whole number",
        _ when type == typeof(double) => "a number",
        { IsEnum: true } => $"one of {string.Join(", ", Enum.GetNames(type))}",
        _ => string.Create(CultureInfo.InvariantCulture, $"a {type.Name}"),
    };
}
