using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Sessions;

/// <summary>
/// Reads a small form body without consuming it: what is read is put before the rest and forwarded byte for byte.
/// </summary>
internal static class FormBody
{
    /// <summary>The largest body that is looked into, in bytes; a larger one is forwarded unread.</summary>
    public const int MaxBytes = 64 * 1024;

    public static bool IsForm(HttpRequest request) =>
        request.ContentType is { } type
        && type.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
        && request.Headers.ContentEncoding.Count == 0
        && request.ContentLength is null or <= MaxBytes;

    /// <summary>
    /// The body's text, or null if it is larger than <see cref="MaxBytes"/>. The request body can be read again from
    /// its start.
    /// </summary>
    public static async ValueTask<string?> PeekAsync(HttpContext context)
    {
        var reader = context.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(context.RequestAborted);
            var buffer = result.Buffer;
            if (!result.IsCompleted && buffer.Length <= MaxBytes)
            {
                // Examined to the end, consumed nothing: the next read brings more, the bytes stay.
                reader.AdvanceTo(buffer.Start, buffer.End);
                continue;
            }

            var text = buffer.Length <= MaxBytes ? Encoding.UTF8.GetString(buffer) : null;
            var copy = buffer.ToArray();
            reader.AdvanceTo(buffer.End);
            context.Request.Body = result.IsCompleted
                ? new MemoryStream(copy, writable: false)
                : new PrefixedStream(copy, reader.AsStream(leaveOpen: true));
            return text;
        }
    }
}
