using IamGateway.Admin;
using IamGateway.Pins;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace IamGateway;

/// <summary>A gateway that listens; disposing it stops it as SIGTERM does.</summary>
internal sealed class RunningGateway(WebApplication app, DemoMode? demo, RedisConnection? redis) : IAsyncDisposable
{
    public IServiceProvider Services => app.Services;

    /// <summary>Where the proxy listens.</summary>
    public IReadOnlyList<string> ProxyAddresses =>
        [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? []];

    public string AdminAddress => app.Services.GetRequiredService<AdminHost>().Address;

    public void PrintDemo() => demo?.Print(ProxyAddresses, AdminAddress);

    public Task WaitForShutdownAsync() => app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await DisposeAsync(app, demo, redis);
    }

    /// <summary>Takes down what a start had brought up.</summary>
    public static async Task DisposeAsync(WebApplication? app, DemoMode? demo, RedisConnection? redis)
    {
        if (app is not null)
            await app.DisposeAsync();
        if (redis is not null)
            await redis.DisposeAsync();
        if (demo is not null)
            await demo.DisposeAsync();
    }
}
