using System.Collections.Concurrent;
using System.Diagnostics;
using DemoIam;
using IamGateway.Recording;
using IamGateway.Tests.Servers;
using Microsoft.AspNetCore.Http;
using static IamGateway.Tests.Servers.Eventually;

namespace IamGateway.Tests.Recording;

public sealed class RequestSpanTests
{
    [Fact]
    public async Task Requests_WithAListener_HaveASpanInTheirTrace()
    {
        var (trace, spans) = (ActivityTraceId.CreateRandom(), new ConcurrentQueue<Activity>());
        using var listener = Listen(trace, spans, ActivitySamplingResult.AllDataAndRecorded);
        await using var iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "old" }, new MemorySessionState());
        await using var gateway = await Gateway.StartAsync([iam]);

        await SendAsync(gateway, trace, "GET", "/login?secret=query");
        await SendAsync(gateway, trace, "BREW", "/nowhere");

        await UntilAsync(() => spans.Count == 2);
        var first = spans.Single(s => s.DisplayName != "_OTHER iam");
        Assert.Equal("GET iam", first.DisplayName);
        Assert.Equal(ActivityKind.Server, first.Kind);
        Assert.Equal(
            ("GET", 200, "8.2.1", "old", "new"),
            (Tag(first, "http.request.method"), Tag(first, "http.response.status_code"),
                Tag(first, "iamgateway.version"), Tag(first, "iamgateway.instance"),
                Tag(first, "iamgateway.decision")));
        Assert.IsType<double>(Tag(first, "iamgateway.store.duration"));
        Assert.IsType<double>(Tag(first, "iamgateway.barrier.duration"));
        Assert.DoesNotContain(first.TagObjects, t => $"{t.Value}".Contains("query", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Refusal_NoInstance_IsAnErrorWithItsCode()
    {
        var (trace, spans) = (ActivityTraceId.CreateRandom(), new ConcurrentQueue<Activity>());
        using var listener = Listen(trace, spans, ActivitySamplingResult.AllDataAndRecorded);
        var iam = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1", Name = "old" }, new MemorySessionState());
        await using var gateway = await Gateway.StartAsync([iam]);
        await iam.DisposeAsync();

        await SendAsync(gateway, trace, "GET", "/login");

        await UntilAsync(() => !spans.IsEmpty);
        var span = Assert.Single(spans);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.NotNull(Tag(span, "error.type"));
    }

    [Theory]
    [InlineData(ActivitySamplingResult.None)]
    [InlineData(ActivitySamplingResult.AllDataAndRecorded)]
    public async Task Trace_OfTheCaller_GoesOnToTheInstance(ActivitySamplingResult sampling)
    {
        var (trace, spans) = (ActivityTraceId.CreateRandom(), new ConcurrentQueue<Activity>());
        using var listener = Listen(trace, spans, sampling);
        await using var iam = await Backend.StartAsync(
            "8.2.1", http => http.Response.WriteAsync($"{http.Request.Headers.TraceParent}"));
        await using var gateway = await Gateway.StartAsync([], Backend.Settings(iam));

        var seen = await SendAsync(gateway, trace, "GET", "/");

        Assert.Contains(trace.ToHexString(), seen, StringComparison.Ordinal);
        await UntilAsync(() => sampling == ActivitySamplingResult.None || !spans.IsEmpty);
        if (spans.TryPeek(out var span))
            Assert.Contains(span.SpanId.ToHexString(), seen, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no trace")]
    public async Task Trace_TheCallerHasNone_TheInstanceGetsOneThatIsNotSampled(string? callers)
    {
        await using var iam = await Backend.StartAsync("8.2.1", http => http.Response.WriteAsync(
            $"{http.Request.Headers.TraceParent} {http.Request.Headers.TraceState}"));
        await using var gateway = await Gateway.StartAsync([], Backend.Settings(iam));

        var (one, two) = (await SendAsync(gateway, callers), await SendAsync(gateway, callers));

        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-00 $", one);
        Assert.NotEqual(one, two);
    }

    private static ActivityListener Listen(
        ActivityTraceId trace, ConcurrentQueue<Activity> spans, ActivitySamplingResult sampling)
    {
        // Other tests run beside this one, and sources are there for all.
        var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == RequestSpan.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> o) =>
                o.TraceId == trace ? sampling : ActivitySamplingResult.None,
            ActivityStopped = a =>
            {
                if (a.TraceId == trace)
                    spans.Enqueue(a);
            },
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    private static object? Tag(Activity span, string name) => span.GetTagItem(name);

    private static Task<string> SendAsync(Gateway gateway, ActivityTraceId trace, string method, string path) =>
        SendAsync(gateway, $"00-{trace}-{ActivitySpanId.CreateRandom()}-01", method, path);

    private static async Task<string> SendAsync(
        Gateway gateway, string? traceParent, string method = "GET", string path = "/")
    {
        using var handler = new SocketsHttpHandler { ActivityHeadersPropagator = null };
        using var client = new HttpClient(handler);
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(gateway.Proxy, path));
        if (traceParent is not null)
            request.Headers.Add("traceparent", traceParent);
        request.Headers.Add("tracestate", "a=b");
        using var response = await client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }
}
