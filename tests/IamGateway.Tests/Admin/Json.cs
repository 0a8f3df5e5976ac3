using System.Text.Json;

namespace IamGateway.Tests.Admin;

internal static class Json
{
    /// <summary>The names of an object's fields in the order of the alphabet.</summary>
    public static string Fields(this JsonElement element) =>
        string.Join(' ', element.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));

    public static string? Text(this JsonElement element, string name) => element.GetProperty(name).GetString();

    /// <summary>The member of a list that has this value in this field.</summary>
    public static JsonElement One(this JsonElement list, string field, string value) =>
        list.EnumerateArray().Single(e => e.Text(field) == value);
}
