using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Headers;
using Microsoft.Net.Http.Headers;

namespace IamGateway.WebConsole;

/// <summary>The page's files, out of the assembly.</summary>
internal sealed class ConsoleFiles
{
    private const string Prefix = "console/";
    private readonly FrozenDictionary<string, ConsoleFile> _files = Read();

    private static FrozenDictionary<string, ConsoleFile> Read()
    {
        var assembly = typeof(ConsoleFiles).Assembly;
        var files = new Dictionary<string, ConsoleFile>();
        foreach (var name in assembly.GetManifestResourceNames())
        {
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || TypeOf(name) is not { } type)
                continue;
            using var stream = assembly.GetManifestResourceStream(name)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            var path = "/" + name[Prefix.Length..].Replace('\\', '/');
            var hash = Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16));
            files[path == "/index.html" ? "/" : path] =
                new ConsoleFile(content, type, new EntityTagHeaderValue($"\"{hash}\""));
        }

        return files.ToFrozenDictionary();
    }

    private static string? TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => null,
    };

    public IEnumerable<string> Paths => _files.Keys;

    /// <summary>Answers if the request is for one of the files.</summary>
    public async Task<bool> TryServeAsync(HttpContext http)
    {
        var isHead = HttpMethods.IsHead(http.Request.Method);
        if (!isHead && !HttpMethods.IsGet(http.Request.Method)
            || !_files.TryGetValue(http.Request.Path.Value ?? "", out var file))
            return false;
        var headers = http.Response.GetTypedHeaders();
        headers.ETag = file.Tag;
        // Always asked for anew, which costs a few bytes: after an upgrade of the gateway no old part is left.
        http.Response.Headers.CacheControl = "no-cache";
        if (IsKnown(http.Request.GetTypedHeaders(), file.Tag))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return true;
        }

        http.Response.ContentType = file.Type;
        http.Response.ContentLength = file.Content.Length;
        if (!isHead)
            await http.Response.Body.WriteAsync(file.Content, http.RequestAborted);
        return true;
    }

    private static bool IsKnown(RequestHeaders headers, EntityTagHeaderValue tag) =>
        headers.IfNoneMatch.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(tag, useStrongComparison: false));

    private sealed record ConsoleFile(byte[] Content, string Type, EntityTagHeaderValue Tag);
}
