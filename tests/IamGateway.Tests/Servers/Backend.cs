using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IamGateway.Tests.Servers;

/// <summary>An instance that does just what the test says.</summary>
internal sealed class Backend : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Backend(WebApplication app, string version)
    {
        _app = app;
        Version = version;
        Address = new Uri(app.Urls.First());
    }

    public string Version { get; }

    public Uri Address { get; }

    public static async Task<Backend> StartAsync(
        string version, RequestDelegate handle, int port = 0, string host = "127.0.0.1",
        HttpsConnectionAdapterOptions? https = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        if (https is null)
            builder.WebHost.UseUrls($"http://{host}:{port}");
        else
            builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Parse(host), port, l => l.UseHttps(https)));
        builder.Services.AddLogging(l => l.SetMinimumLevel(LogLevel.None));
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(handle);
        await app.StartAsync();
        return new Backend(app, version);
    }

    /// <summary>The settings that make backends the gateway's instances, named a, b, c and so on.</summary>
    public static Dictionary<string, string?> Settings(params Backend[] backends)
    {
        var settings = new Dictionary<string, string?>();
        for (var i = 0; i < backends.Length; i++)
        {
            var destination = $"ReverseProxy:Clusters:iam:Destinations:{(char)('a' + i)}";
            settings[$"{destination}:Address"] = backends[i].Address.ToString();
            settings[$"{destination}:Metadata:Version"] = backends[i].Version;
        }

        return settings;
    }

    private bool _isDisposed;

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}
