using System.Text;
using System.Text.Json;

namespace DemoIam;

/// <summary>
/// An answer that is sent only after the request's end is in the history: a client that has the whole answer may go
/// on at once, with another version, and that is no overlap.
/// </summary>
internal sealed class Reply
{
    private readonly Func<HttpContext, Task> _write;

    private Reply(Func<HttpContext, Task> write) => _write = write;

    /// <summary>For handlers that have answered already, or whose client has gone.</summary>
    public static Reply None { get; } = new(_ => Task.CompletedTask);

    public static Reply Run(Func<Task> write) => new(_ => write());

    public static Reply Json<T>(T value, int status = StatusCodes.Status200OK) =>
        Body(JsonSerializer.SerializeToUtf8Bytes(value, JsonSerializerOptions.Web), "application/json", status);

    public static Reply Problem(int status, string error, string title) =>
        Body(
            JsonSerializer.SerializeToUtf8Bytes(new { error, title, status }, JsonSerializerOptions.Web),
            "application/problem+json",
            status);

    public static Reply Html(string html, int status = StatusCodes.Status200OK) =>
        Body(Encoding.UTF8.GetBytes(html), "text/html; charset=utf-8", status);

    public static Reply Redirect(string location) => new(context =>
    {
        context.Response.Redirect(location);
        return Task.CompletedTask;
    });

    public Task WriteAsync(HttpContext context) => _write(context);

    private static Reply Body(byte[] body, string type, int status) => new(context =>
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = type;
        response.ContentLength = body.Length;
        if (!response.Headers.ContainsKey("Cache-Control"))
            response.Headers.CacheControl = "no-store";
        return response.Body.WriteAsync(body, CancellationToken.None).AsTask();
    });
}
