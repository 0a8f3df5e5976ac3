using IamGateway.Instances;
using IamGateway.Recording;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Transforms;

namespace IamGateway.Forwarding;

/// <summary>
/// What is done to requests just before they leave for the instance, and to response headers just before they leave for
/// the client.
/// </summary>
internal sealed class GatewayTransforms(
    RequestRecorder recorder, IssuedNames names, SessionRules rules, TimeProvider time)
{
    private const string OwnHeaders = "X-IamGateway-";

    /// <summary>The instance is chosen: count the request there, and take the gateway's own headers out.</summary>
    public ValueTask OnRequestAsync(RequestTransformContext context)
    {
        if (context.HttpContext.Features.Get<GatewayRequest>() is not { } request)
            return ValueTask.CompletedTask;
        foreach (var header in context.HttpContext.Request.Headers)
        {
            if (header.Key.StartsWith(OwnHeaders, StringComparison.OrdinalIgnoreCase))
                context.ProxyRequest.Headers.Remove(header.Key);
        }

        if (context.HttpContext.GetReverseProxyFeature().ProxiedDestination is not { } destination)
            return ValueTask.CompletedTask;
        if (request.InstanceId is { } previous)
            recorder.For(previous, request.Version!).InFlight.Dec();
        request.InstanceId = destination.DestinationId;
        recorder.For(destination.DestinationId, request.Version!).InFlight.Inc();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Binds the handles that the response hands out; a response whose handles cannot be bound does not leave.
    /// </summary>
    public ValueTask OnResponseAsync(ResponseTransformContext context)
    {
        if (context.ProxyResponse is null || context.HttpContext.Features.Get<GatewayRequest>() is not { } request)
            return ValueTask.CompletedTask;
        if (request.Stripped is not null)
            StrippedHandles.Expire(context.HttpContext, request, rules, time.GetUtcNow());
        if (request.Decision == Decision.Stateless)
            return ValueTask.CompletedTask;
        var bound = names.OnHeadersAsync(context.HttpContext, request);
        if (!bound.IsCompletedSuccessfully)
            return AwaitAsync(bound, context, request);
        context.SuppressResponseBody |= request.Refusal != RefusalCode.None;
        return ValueTask.CompletedTask;
    }

    private static async ValueTask AwaitAsync(ValueTask bound, ResponseTransformContext context, GatewayRequest request)
    {
        await bound;
        context.SuppressResponseBody |= request.Refusal != RefusalCode.None;
    }
}
