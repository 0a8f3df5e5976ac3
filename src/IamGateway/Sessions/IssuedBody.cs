using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using IamGateway.Recording;

namespace IamGateway.Sessions;

/// <summary>
/// Finds the handles in the body of a response: fields of a JSON object, hidden inputs of a page that posts itself
/// (OAuth 2.0 Form Post Response Mode). Only small bodies of the types in question are looked into, and each is passed
/// on byte for byte.
/// </summary>
internal sealed class IssuedBody(SessionRules rules, GatewayMetrics metrics)
{
    /// <summary>The largest body that is looked into, in bytes; a larger one is passed on unread.</summary>
    public const int MaxBytes = 64 * 1024;

    private const int UsualBytes = 4 * 1024;

    // Linear in the page's length, whatever it holds.
    private static readonly Regex InputTag =
        new("<input[^>]*>", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>Adds what a rule finds; the response's content can be read from its start afterwards.</summary>
    public async ValueTask<List<Handle>?> ReadAsync(
        PathString path, HttpResponseMessage response, byte[] secret, List<Handle>? issued,
        CancellationToken cancellation)
    {
        var type = response.Content.Headers.ContentType?.MediaType ?? "";
        var isJson = type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
        var isPage = type.Equals("text/html", StringComparison.OrdinalIgnoreCase);
        if (!(isJson && rules.ReadsBody(path, HandleIssue.JsonField))
            && !(isPage && rules.ReadsBody(path, HandleIssue.FormPostField)))
            return issued;
        if (response.Content.Headers.ContentEncoding.Count > 0)
        {
            metrics.HandleIgnored("body_encoded");
            return issued;
        }

        if (await PeekAsync(response, cancellation) is not { } body)
        {
            metrics.HandleIgnored("body_too_large");
            return issued;
        }

        return isJson ? FromJson(path, body, secret, issued) : FromPage(path, body, secret, issued);
    }

    /// <summary>The whole body, or null if it is too large.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> PeekAsync(
        HttpResponseMessage response, CancellationToken cancellation)
    {
        var length = response.Content.Headers.ContentLength;
        if (length > MaxBytes)
            return null;
        var stream = await response.Content.ReadAsStreamAsync(cancellation);
        // With a place for the read that finds the end.
        var buffer = new ArrayBufferWriter<byte>((int)(length ?? UsualBytes) + 1);
        while (buffer.WrittenCount <= MaxBytes)
        {
            var count = await stream.ReadAsync(buffer.GetMemory(), cancellation);
            if (count == 0)
                break;
            buffer.Advance(count);
        }

        response.Content = new StreamContent(new PrefixedStream(buffer.WrittenMemory, stream));
        // Without its type the null would be an empty body.
        return buffer.WrittenCount > MaxBytes ? (ReadOnlyMemory<byte>?)null : buffer.WrittenMemory;
    }

    private List<Handle>? FromJson(PathString path, ReadOnlyMemory<byte> body, byte[] secret, List<Handle>? issued)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return issued;
            for (var i = 0; i < rules.All.Count; i++)
            {
                var rule = rules.All[i];
                if (rule.Issue == HandleIssue.JsonField && rule.ReadsResponsesUnder(path)
                    && json.RootElement.TryGetProperty(rule.IssueName!, out var field)
                    && field.ValueKind == JsonValueKind.String)
                    IssuedNames.Add(field.GetString(), rule, i, secret, ref issued);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or a string that is no text.
            metrics.HandleIgnored("body_malformed");
        }

        return issued;
    }

    private List<Handle>? FromPage(PathString path, ReadOnlyMemory<byte> body, byte[] secret, List<Handle>? issued)
    {
        foreach (Match tag in InputTag.Matches(Encoding.UTF8.GetString(body.Span)))
        {
            var name = Attribute(tag.Value, "name");
            for (var i = 0; i < rules.All.Count; i++)
            {
                var rule = rules.All[i];
                if (rule.Issue == HandleIssue.FormPostField && rule.IssueName == name && rule.ReadsResponsesUnder(path))
                    IssuedNames.Add(Attribute(tag.Value, "value"), rule, i, secret, ref issued);
            }
        }

        return issued;
    }

    /// <summary>The decoded value of an attribute of a tag, quoted or not; null if it is not there.</summary>
    internal static string? Attribute(string tag, string name)
    {
        var at = 0;
        while ((at = tag.IndexOf(name, at, StringComparison.OrdinalIgnoreCase)) > 0)
        {
            var isWhole = char.IsWhiteSpace(tag[at - 1]) || tag[at - 1] is '"' or '\'';
            at += name.Length;
            var rest = tag.AsSpan(at).TrimStart();
            if (!isWhole || rest.IsEmpty || rest[0] != '=')
                continue;
            rest = rest[1..].TrimStart();
            var end = rest.IsEmpty ? -1
                : rest[0] is '"' or '\'' ? rest[1..].IndexOf(rest[0])
                : rest.IndexOfAny(' ', '>', '/');
            if (end < 0)
                return null;
            return WebUtility.HtmlDecode((rest[0] is '"' or '\'' ? rest.Slice(1, end) : rest[..end]).ToString());
        }

        return null;
    }
}
