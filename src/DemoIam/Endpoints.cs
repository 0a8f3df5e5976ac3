using System.Collections.Concurrent;
using System.Globalization;

namespace DemoIam;

/// <summary>Endpoints that know no session.</summary>
internal static class Endpoints
{
    private const int LargestBenchBody = 64 * 1024 * 1024;

    private static readonly ConcurrentDictionary<int, byte[]> BenchBodies = new();

    public static void Map(IEndpointRouteBuilder routes, DemoIamInstance instance)
    {
        RequestDelegate health = context => HealthAsync(context, instance);
        routes.MapGet("/health", health);
        routes.MapGet("/health/ready", health);
        routes.MapGet("/health/live", health);
        routes.MapGet("/counters", context => Reply.Json(new
        {
            version = instance.Version,
            instance = instance.Name,
            requests = instance.Requests,
            olderVersionRequests = instance.OlderVersionRequests,
        }).WriteAsync(context));
        routes.MapGet("/headers", context => Reply.Json(
            context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToArray())).WriteAsync(context));
        routes.MapGet("/fail", context =>
            Reply.Problem(500, "fail", "This endpoint always fails.").WriteAsync(context));
        routes.MapGet("/static/app.css", StyleAsync);
        routes.MapGet("/bench", BenchAsync);
    }

    /// <summary>A number of the query, or the default if there is none that makes sense.</summary>
    public static int Number(HttpContext context, string key, int fallback, int max) =>
        int.TryParse(context.Request.Query[key], NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? Math.Min(value, max)
            : fallback;

    private static Task HealthAsync(HttpContext context, DemoIamInstance instance) =>
        (instance.Options.ReportsVersion
            ? Reply.Json(new { status = "UP", version = instance.Version, instance = instance.Name })
            : Reply.Json(new { status = "UP" })).WriteAsync(context);

    private static Task StyleAsync(HttpContext context)
    {
        context.Response.ContentType = "text/css; charset=utf-8";
        context.Response.Headers.CacheControl = "public, max-age=3600";
        context.Response.ContentLength = Pages.Style.Length;
        return context.Response.WriteAsync(Pages.Style, CancellationToken.None);
    }

    private static Task BenchAsync(HttpContext context)
    {
        var bytes = Number(context, "bytes", 0, LargestBenchBody);
        context.Response.ContentLength = bytes;
        if (bytes == 0)
            return Task.CompletedTask;
        context.Response.ContentType = "application/octet-stream";
        // A bench uses few sizes; somebody trying out all of them must not fill the memory.
        var body = BenchBodies.TryGetValue(bytes, out var known) ? known
            : BenchBodies.Count < 16 ? BenchBodies.GetOrAdd(bytes, NewBody)
            : NewBody(bytes);
        return context.Response.Body.WriteAsync(body, CancellationToken.None).AsTask();
    }

    private static byte[] NewBody(int bytes)
    {
        var body = new byte[bytes];
        Array.Fill(body, (byte)'x');
        return body;
    }
}
