using System.Buffers.Text;
using System.Text.Json;

namespace IamGateway.Sessions;

/// <summary>
/// Reads the session's own name out of a self-describing value, so that such a handle needs no record. A value that
/// does not have the expected form carries no handle. Nothing is verified: the result only chooses a route.
/// </summary>
internal sealed record HandleExtractor(HandleExtractorKind Kind, string Argument, int Index)
{
    private const int MaxTokenLength = 16 * 1024;

    public static bool TryParse(string text, out HandleExtractor? extractor)
    {
        extractor = null;
        if (text.StartsWith("Jwt:", StringComparison.Ordinal) && text.Length > 4)
            extractor = new HandleExtractor(HandleExtractorKind.JwtClaim, text[4..], 0);
        else if (text.StartsWith("Part:", StringComparison.Ordinal) && text.Length > 7 && text[6] == ':'
            && int.TryParse(text.AsSpan(7), out var index) && index >= 0)
            extractor = new HandleExtractor(HandleExtractorKind.Part, text[5..6], index);
        else if (text.StartsWith("Except:", StringComparison.Ordinal) && text.Length > 7)
            extractor = new HandleExtractor(HandleExtractorKind.Except, text[7..], 0);
        else if (text == "SignedRoute")
            extractor = new HandleExtractor(HandleExtractorKind.SignedRoute, "", 0);
        return extractor is not null;
    }

    public bool TryExtract(ReadOnlySpan<char> value, out string? name)
    {
        name = Kind switch
        {
            HandleExtractorKind.Part => PartOf(value, Argument[0], Index),
            HandleExtractorKind.JwtClaim => ClaimOf(value, Argument),
            HandleExtractorKind.Except => value.SequenceEqual(Argument) ? null : value.ToString(),
            _ => SignedRouteId(value),
        };
        return !string.IsNullOrEmpty(name);
    }

    private static string? PartOf(ReadOnlySpan<char> value, char separator, int index)
    {
        foreach (var range in value.Split(separator))
        {
            if (index-- == 0)
                return value[range].ToString();
        }

        return null;
    }

    // Keycloak: base64url(id "." signature) ["." route] since 26.1, id ["." route] before.
    private static string? SignedRouteId(ReadOnlySpan<char> value)
    {
        var first = PartOf(value, '.', 0);
        if (first is null || first.Length > MaxTokenLength)
            return null;
        if (Guid.TryParse(first, out _))
            return first;
        try
        {
            var decoded = System.Text.Encoding.UTF8.GetString(Base64Url.DecodeFromChars(first.AsSpan().TrimEnd('=')));
            return PartOf(decoded, '.', 0);
        }
        catch (FormatException)
        {
            return first;
        }
    }

    private static string? ClaimOf(ReadOnlySpan<char> token, string claim)
    {
        var first = token.IndexOf('.');
        if (first < 0 || token.Length > MaxTokenLength)
            return null;
        var rest = token[(first + 1)..];
        var second = rest.IndexOf('.');
        if (second < 0)
            return null;
        try
        {
            using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(rest[..second]));
            return payload.RootElement.ValueKind == JsonValueKind.Object
                && payload.RootElement.TryGetProperty(claim, out var value)
                && value.ValueKind == JsonValueKind.String
                    ? value.GetString()
                    : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // The last one: a string in the payload is no valid UTF-8 or has half a surrogate pair.
            return null;
        }
    }
}

internal enum HandleExtractorKind
{
    JwtClaim,
    Part,
    SignedRoute,

    /// <summary>The whole value, unless it is the one that stands for nothing.</summary>
    Except,
}
