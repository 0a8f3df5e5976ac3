using System.Diagnostics;
using System.Net;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace IamGateway.Bench;

/// <summary>What the gateway is compared with: the same parts without any session.</summary>
internal static class BareHost
{
    /// <summary>YARP as its documentation has it: one cluster, one route for everything.</summary>
    public static async Task<int> RunYarpAsync(string port, string[] instances)
    {
        var builder = CreateBuilder(port);
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "iam", ClusterId = "iam", Match = new RouteMatch { Path = "{**rest}" } }],
            [
                new ClusterConfig
                {
                    ClusterId = "iam",
                    Destinations = instances.Index().ToDictionary(
                        i => $"i{i.Index}", i => new DestinationConfig { Address = i.Item }),
                },
            ]);
        await using var app = builder.Build();
        app.MapReverseProxy();
        await app.RunAsync();
        return 0;
    }

    /// <summary>The forwarder alone, as the end of the pipeline, to one address.</summary>
    public static async Task<int> RunForwarderAsync(string port, string instance)
    {
        var builder = CreateBuilder(port);
        builder.Services.AddHttpForwarder();
        await using var app = builder.Build();
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        using var client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            EnableMultipleHttp2Connections = true,
            ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
        });
        app.Run(async http => await forwarder.SendAsync(http, instance, client));
        await app.RunAsync();
        return 0;
    }

    private static WebApplicationBuilder CreateBuilder(string port)
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        // YARP logs each request at Information.
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        return builder;
    }
}
