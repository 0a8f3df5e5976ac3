using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using Semver;

namespace IamGateway;

/// <summary>
/// A release of the IAM, ordered by SemVer precedence (https://semver.org, §11); build metadata is no part of it.
/// </summary>
[JsonConverter(typeof(VersionIdJsonConverter))]
internal sealed class VersionId : IComparable<VersionId>, IEquatable<VersionId>
{
    private readonly SemVersion _version;
    private readonly string _text;
    private readonly int _hash;

    private VersionId(SemVersion version)
    {
        _version = version.WithoutMetadata();
        _text = _version.ToString();
        _hash = _text.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>
    /// Reads MAJOR.MINOR.PATCH with optional pre-release; a leading "v" and a missing patch are no versions.
    /// </summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out VersionId? version)
    {
        version = text is { Length: <= 64 } && SemVersion.TryParse(text, SemVersionStyles.Strict, out var parsed)
            ? new VersionId(parsed)
            : null;
        return version is not null;
    }

    /// <exception cref="FormatException">The text is not SemVer.</exception>
    public static VersionId Parse(string text) => TryParse(text, out var version)
        ? version
        : throw new FormatException($"'{text}' is not a version of the form MAJOR.MINOR.PATCH (SemVer).");

    public int CompareTo(VersionId? other) => other is null ? 1 : _version.ComparePrecedenceTo(other._version);

    public bool Equals(VersionId? other) => other is not null && _text == other._text;

    public override bool Equals(object? obj) => Equals(obj as VersionId);

    public override int GetHashCode() => _hash;

    public int Major => (int)_version.Major;

    public int Minor => (int)_version.Minor;

    public override string ToString() => _text;

    public static bool operator ==(VersionId? left, VersionId? right) =>
        left is null ? right is null : left.Equals(right);

    public static bool operator !=(VersionId? left, VersionId? right) => !(left == right);

    public static bool operator <(VersionId left, VersionId right) => left.CompareTo(right) < 0;

    public static bool operator >(VersionId left, VersionId right) => left.CompareTo(right) > 0;

    public static bool operator <=(VersionId left, VersionId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(VersionId left, VersionId right) => left.CompareTo(right) >= 0;

    private sealed class VersionIdJsonConverter : JsonConverter<VersionId>
    {
        public override VersionId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            TryParse(reader.GetString(), out var version)
                ? version
                : throw new JsonException("A version must be of the form MAJOR.MINOR.PATCH (SemVer).");

        public override void Write(Utf8JsonWriter writer, VersionId value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());

        public override VersionId ReadAsPropertyName(
            ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            Read(ref reader, type, options);

        public override void WriteAsPropertyName(
            Utf8JsonWriter writer, VersionId value, JsonSerializerOptions options) =>
            writer.WritePropertyName(value.ToString());
    }
}
