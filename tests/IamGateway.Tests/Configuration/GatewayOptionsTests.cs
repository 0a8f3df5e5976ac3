using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using IamGateway.Configuration;

namespace IamGateway.Tests.Configuration;

public sealed class GatewayOptionsTests
{
    public static TheoryData<string, string> Settings =>
    [
        .. Sections(typeof(GatewayOptions)).Distinct().SelectMany(t => t.GetProperties()).Where(HasDefault)
            .Select(p => (p.DeclaringType!.Name, p.Name)),
    ];

    [Theory]
    [MemberData(nameof(Settings))]
    public void Default_OfASetting_IsTheDocumentedOne(string type, string name)
    {
        var property = typeof(GatewayOptions).Assembly.GetType($"{typeof(GatewayOptions).Namespace}.{type}")!
            .GetProperty(name)!;
        var documented = Regex.Match(Summary(property), @"[Dd]efault:? (\S+)\.$").Groups[1].Value;
        Assert.True(documented.Length > 0, $"The docstring of {type}.{name} ends with no default.");

        Assert.Equal(Default(property), Parse(documented, property.PropertyType));
    }

    [Fact]
    public void Settings_WithDefaults_AreAllSections() =>
        Assert.Superset(
            new HashSet<string> { nameof(GatewayOptions), nameof(StoreOptions), nameof(JwtOptions) },
            Settings.Select(s => s.Data.Item1).ToHashSet());

    private static IEnumerable<Type> Sections(Type type) => type.GetProperties()
        .Select(p => p.PropertyType.IsGenericType ? p.PropertyType.GetGenericArguments()[0] : p.PropertyType)
        .Where(t => t.IsClass && t.Namespace == type.Namespace)
        .SelectMany(Sections).Prepend(type);

    // The zero of a switch or an enumeration needs no word.
    private static bool HasDefault(PropertyInfo property) =>
        property.CanWrite && Default(property) is TimeSpan or int or string;

    private static object? Default(PropertyInfo property) =>
        property.GetValue(Activator.CreateInstance(property.DeclaringType!));

    private static object Parse(string text, Type type) => type switch
    {
        _ when type == typeof(TimeSpan) => TimeSpan.Parse(text, CultureInfo.InvariantCulture),
        _ when type == typeof(int) => int.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture),
        _ => text,
    };

    private static string Summary(PropertyInfo property)
    {
        var file = Path.ChangeExtension(typeof(GatewayOptions).Assembly.Location, ".xml");
        var id = $"P:{property.DeclaringType!.FullName}.{property.Name}";
        var member = XDocument.Load(file).Descendants("member").FirstOrDefault(m => (string?)m.Attribute("name") == id);
        return Regex.Replace(member?.Element("summary")?.Value ?? "", @"\s+", " ").Trim();
    }
}
