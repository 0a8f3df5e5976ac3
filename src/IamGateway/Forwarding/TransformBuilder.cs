using IamGateway.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace IamGateway.Forwarding;

/// <summary>
/// Gives routes to the IAM's cluster that name no transforms those of <see cref="PlainTransformer"/>, and all others
/// YARP's, with the gateway's among them.
/// </summary>
internal sealed class TransformBuilder(ITransformBuilder inner, GatewayTransforms transforms, GatewaySettings settings)
    : ITransformBuilder
{
    private readonly PlainTransformer _plain = new(transforms);

    public IReadOnlyList<Exception> ValidateRoute(RouteConfig route) => inner.ValidateRoute(route);

    public IReadOnlyList<Exception> ValidateCluster(ClusterConfig cluster) => inner.ValidateCluster(cluster);

    public HttpTransformer Build(RouteConfig route, ClusterConfig? cluster) =>
        cluster?.ClusterId == settings.Options.Cluster && route.Transforms is not { Count: > 0 }
            ? _plain
            : inner.Build(route, cluster);

    public HttpTransformer Create(Action<TransformBuilderContext> action) => inner.Create(action);

    /// <summary>Adds the gateway's transforms to those of a route.</summary>
    public static void Add(TransformBuilderContext route)
    {
        var transforms = route.Services.GetRequiredService<GatewayTransforms>();
        route.RequestTransforms.Add(new RequestFuncTransform(context =>
        {
            if (context.HttpContext.GetReverseProxyFeature() is GatewayRequest request)
            {
                RequestTarget.Keep(context);
                transforms.OnRequest(context.HttpContext, context.ProxyRequest, request);
            }

            return ValueTask.CompletedTask;
        }));
        route.ResponseTransforms.Add(new ResponseFuncTransform(async context =>
        {
            if (context.ProxyResponse is { } response
                && context.HttpContext.GetReverseProxyFeature() is GatewayRequest request
                && !await transforms.OnResponseAsync(context.HttpContext, response, request, context.CancellationToken))
                context.SuppressResponseBody = true;
        }));
    }
}
