using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace IamGateway.Routing;

/// <summary>
/// What the store knows of the key of the keyed hashes. Without the setting IamGateway:Store:HashKey it is the key.
/// With it, the key is HMAC-SHA-256 over it under the setting, so that the store alone tells nothing, and a check value
/// shows whether a replica has the setting that sessions are named with. That covers all that is made of
/// <see cref="RoutingView.Secret"/>: names of sessions (records, links, the places of instance affinity, the list of
/// ended sessions) and the console's logins. Witnesses hold such names and are, like webhooks, signed with keys of the
/// configuration alone.
/// </summary>
[JsonConverter(typeof(Json))]
internal sealed record StoredHashKey(string Part, string? Check)
{
    private const int PartSize = 32;
    private const int CheckSize = 8;

    // What names a session holds a zero byte, so this is never taken for one.
    private static readonly byte[] Checked = "iamgateway hash key 1"u8.ToArray();

    public static StoredHashKey Create(string? setting)
    {
        var part = RandomNumberGenerator.GetBytes(PartSize);
        return new StoredHashKey(
            Convert.ToBase64String(part), setting is null ? null : CheckOf(Combine(part, setting)));
    }

    /// <summary>The key; null: sessions in the store are named with another setting than this.</summary>
    public byte[]? With(string? setting)
    {
        var part = Convert.FromBase64String(Part);
        if (setting is null && Check is null)
            return part;
        if (setting is null || Check is null)
            return null;
        var key = Combine(part, setting);
        return CheckOf(key) == Check ? key : null;
    }

    public bool IsOf(string? setting) => With(setting) is not null;

    private static byte[] Combine(byte[] part, string setting) =>
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(setting), part);

    private static string CheckOf(byte[] key) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(key, Checked).AsSpan(0, CheckSize));

    // The members that a record would print are half of a secret, or all of it.
    public override string ToString() => nameof(StoredHashKey);

    /// <summary>
    /// Text without the setting. An object with it: a gateway that does not know the setting cannot read that and does
    /// not start, where it would give sessions other names.
    /// </summary>
    internal sealed class Json : JsonConverter<StoredHashKey>
    {
        public override StoredHashKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var key = reader.TokenType == JsonTokenType.String
                ? new StoredHashKey(reader.GetString()!, null)
                : JsonSerializer.Deserialize<Keyed>(ref reader, options) is { Part: { } part, Check: { } check }
                    ? new StoredHashKey(part, check)
                    : throw new JsonException("The hash key has no part or no check.");
            return Convert.TryFromBase64String(key.Part, new byte[key.Part.Length], out _)
                ? key
                : throw new JsonException("The hash key is not base64.");
        }

        public override void Write(Utf8JsonWriter writer, StoredHashKey value, JsonSerializerOptions options)
        {
            if (value.Check is null)
                writer.WriteStringValue(value.Part);
            else
                JsonSerializer.Serialize(writer, new Keyed(value.Part, value.Check), options);
        }

        private sealed record Keyed(string? Part, string? Check);
    }
}
