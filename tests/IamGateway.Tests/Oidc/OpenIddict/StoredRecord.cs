using System.Text.Json;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>An application, authorization, scope or token of OpenIddict: named fields.</summary>
internal sealed class StoredRecord
{
    private readonly Dictionary<string, object?> _fields = [];

    public string Id { get; private init; } = Guid.NewGuid().ToString("N");

    public object? this[string field]
    {
        get => _fields.GetValueOrDefault(field);
        set => _fields[field] = value;
    }

    public string ToJson() => JsonSerializer.Serialize(_fields);

    public static StoredRecord FromJson(string id, string json)
    {
        var record = new StoredRecord { Id = id };
        foreach (var field in JsonDocument.Parse(json).RootElement.EnumerateObject())
            record[field.Name] = field.Value;
        return record;
    }
}
