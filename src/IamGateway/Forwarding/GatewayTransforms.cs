using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;

namespace IamGateway.Forwarding;

/// <summary>
/// What is done to requests just before they leave for the instance, and to response headers just before they leave for
/// the client.
/// </summary>
internal sealed class GatewayTransforms(
    RequestRecorder recorder, IssuedNames names, OpenConnections connections, Witness witness, Replica replica,
    SessionRules rules, GatewaySettings settings, InstanceTruth truth, PinRepair repair, GatewayMetrics metrics,
    TimeProvider time)
{
    /// <summary>The instance is chosen: count the request there, and take the gateway's own cookies out.</summary>
    public ValueTask OnRequestAsync(RequestTransformContext context)
    {
        if (context.HttpContext.GetReverseProxyFeature() is not GatewayRequest request)
            return ValueTask.CompletedTask;
        if (witness.IsEnabled)
            RemoveWitness(context);
        RequestTarget.Keep(context);
        Trace(context, request);
        // A compressed body hides its handles.
        if (rules.ReadsBodyUnder(context.HttpContext.Request.Path))
            RequestTransform.RemoveHeader(context, "Accept-Encoding");
        if (request.ProxiedDestination is not { } destination)
            return ValueTask.CompletedTask;
        request.Counted?.InFlight.Dec();
        request.Choose(destination.DestinationId);
        request.Counted = recorder.For(destination.DestinationId, request.Version!);
        request.Counted.InFlight.Inc();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Binds the handles that the response hands out; a response whose handles cannot be bound does not leave.
    /// </summary>
    public ValueTask OnResponseAsync(ResponseTransformContext context)
    {
        if (context.ProxyResponse is null || context.HttpContext.GetReverseProxyFeature() is not GatewayRequest request)
            return ValueTask.CompletedTask;
        if (Contradiction(context.ProxyResponse, request) is { } reported && reported > request.Version!
            && request.Decision != Decision.Stateless)
            return AwaitRepairAsync(context, request, reported);
        return BindAsync(context, request);
    }

    private ValueTask BindAsync(ResponseTransformContext context, GatewayRequest request)
    {
        if (request.Stripped is not null)
            StrippedHandles.Expire(context.HttpContext, request, rules, time.GetUtcNow());
        if (request.Decision == Decision.Stateless)
        {
            connections.Follow(context.HttpContext, context.ProxyResponse!, request);
            return ValueTask.CompletedTask;
        }

        var bound = names.OnResponseAsync(
            context.HttpContext, context.ProxyResponse!, request, context.CancellationToken);
        if (!bound.IsCompletedSuccessfully)
            return AwaitAsync(bound, context, request);
        Conclude(context, request);
        return ValueTask.CompletedTask;
    }

    private void Conclude(ResponseTransformContext context, GatewayRequest request)
    {
        if (request.Refusal == RefusalCode.None)
            connections.Follow(context.HttpContext, context.ProxyResponse!, request);
        context.SuppressResponseBody |= request.Refusal != RefusalCode.None;
        witness.Issue(context.HttpContext, request, replica.View);
    }

    private static void Trace(RequestTransformContext context, GatewayRequest request)
    {
        if (!TraceParent.Choose(request, context.HttpContext.Request.Headers.TraceParent))
            return;
        RequestTransform.RemoveHeader(context, TraceParent.Header);
        RequestTransform.AddHeader(context, TraceParent.Header, request.TraceParent!);
        // What the caller says of its own trace does not belong to another one.
        if (request.Span?.ParentId is null)
            RequestTransform.RemoveHeader(context, TraceParent.StateHeader);
    }

    private void RemoveWitness(RequestTransformContext context)
    {
        var cookies = context.HttpContext.Request.Headers.Cookie;
        if (cookies.Count == 0)
            return;
        var joined = cookies is [{ } only] ? only : string.Join("; ", cookies.AsEnumerable());
        var without = witness.Without(joined);
        if (ReferenceEquals(without, joined))
            return;
        RequestTransform.RemoveHeader(context, "Cookie");
        if (without is not null)
            RequestTransform.AddHeader(context, "Cookie", without);
    }

    /// <summary>
    /// The version that a response says it comes from, if the request was sent to another one: the instance is out
    /// until it is proven anew.
    /// </summary>
    private VersionId? Contradiction(HttpResponseMessage response, GatewayRequest request)
    {
        if (settings.Options.Versions.Discovery.ResponseHeader is not { } header
            || request is not { InstanceId: { } instance, Version: { } sentTo }
            || !response.Headers.NonValidated.TryGetValues(header, out var values)
            || !VersionId.TryParse(values.ToString(), out var reported) || reported == sentTo)
            return null;
        metrics.Mismatch(instance);
        if (request.Decision != Decision.Stateless && reported < sentTo)
            metrics.Violation();
        truth.Contradicted(instance, sentTo, reported);
        return reported;
    }

    private async ValueTask AwaitRepairAsync(
        ResponseTransformContext context, GatewayRequest request, VersionId reported)
    {
        await repair.RaiseAsync(request, reported);
        await BindAsync(context, request);
        // A handle that this response hands out names a session at that version too.
        if (request.Refusal == RefusalCode.None && request.Issued is { Count: > 0 })
            await repair.RaiseAsync(request, reported);
    }

    private async ValueTask AwaitAsync(ValueTask bound, ResponseTransformContext context, GatewayRequest request)
    {
        await bound;
        Conclude(context, request);
    }
}
