using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Forwarding;

/// <summary>
/// What YARP's transforms do for a route that names none, in one step: the target as it came, the host of the instance,
/// and X-Forwarded-For, -Proto, -Host and -Prefix written anew; and what the gateway does to every request and
/// response.
/// </summary>
internal sealed class PlainTransformer(GatewayTransforms transforms) : HttpTransformer
{
    public override ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix,
        CancellationToken cancellationToken)
    {
        // Copies the headers.
        var copied = base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        if (!copied.IsCompletedSuccessfully)
            return AwaitAsync(copied, httpContext, proxyRequest, destinationPrefix);
        Transform(httpContext, proxyRequest, destinationPrefix);
        return ValueTask.CompletedTask;
    }

    private async ValueTask AwaitAsync(
        ValueTask copied, HttpContext http, HttpRequestMessage message, string instance)
    {
        await copied;
        Transform(http, message, instance);
    }

    private void Transform(HttpContext http, HttpRequestMessage message, string instance)
    {
        var request = (GatewayRequest)http.GetReverseProxyFeature();
        transforms.OnRequest(http, message, request);
        // The client's host goes on as X-Forwarded-Host.
        message.Headers.Host = request.ProxiedDestination?.Model.Config.Host;
        var (path, query) = (http.Request.Path, http.Request.QueryString);
        message.RequestUri = RequestTarget.Address(http, instance, path, query)
            ?? RequestUtilities.MakeDestinationAddress(instance, path, query);
        WriteForwarded(http, message);
    }

    private static void WriteForwarded(HttpContext http, HttpRequestMessage message)
    {
        var address = http.Connection.RemoteIpAddress;
        if (address?.IsIPv4MappedToIPv6 == true)
            address = address.MapToIPv4();
        var (host, prefix) = (http.Request.Host, http.Request.PathBase);
        message.Set("X-Forwarded-For", address?.ToString());
        message.Set("X-Forwarded-Proto", http.Request.Scheme);
        message.Set("X-Forwarded-Host", host.HasValue ? host.ToUriComponent() : null);
        message.Set("X-Forwarded-Prefix", prefix.HasValue ? prefix.ToUriComponent() : null);
        // Says the same in another form (RFC 7239).
        message.Set("Forwarded", null);
    }

    public override ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        // Copies status and headers.
        var copied = base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        if (proxyResponse is null)
            return copied;
        return copied.IsCompletedSuccessfully
            ? OnResponseAsync(httpContext, proxyResponse, cancellationToken)
            : AwaitAsync(copied, httpContext, proxyResponse, cancellationToken);
    }

    private async ValueTask<bool> AwaitAsync(
        ValueTask<bool> copied, HttpContext http, HttpResponseMessage response, CancellationToken cancellation)
    {
        await copied;
        return await OnResponseAsync(http, response, cancellation);
    }

    private ValueTask<bool> OnResponseAsync(
        HttpContext http, HttpResponseMessage response, CancellationToken cancellation) =>
        transforms.OnResponseAsync(http, response, (GatewayRequest)http.GetReverseProxyFeature(), cancellation);

    // The server takes none for HTTP/1, and to find that out is no small part of what a request costs.
    public override ValueTask TransformResponseTrailersAsync(
        HttpContext httpContext, HttpResponseMessage proxyResponse, CancellationToken cancellationToken) =>
        HttpProtocol.IsHttp11(httpContext.Request.Protocol)
            ? ValueTask.CompletedTask
            : base.TransformResponseTrailersAsync(httpContext, proxyResponse, cancellationToken);
}
