using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using IamGateway.Admin;
using IamGateway.Configuration;
using IamGateway.Edge;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Quic;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Options;

namespace IamGateway;

/// <summary>Builds and runs the process: the proxy host, with the admin host beside it.</summary>
internal static class GatewayHost
{
    /// <summary>The configuration is wrong or its surroundings do not fit it (EX_CONFIG of sysexits.h).</summary>
    public const int ConfigurationExitCode = 78;

    public const string DefaultProxyUrl = "http://*:8080";
    public const string DefaultAdminUrl = "http://localhost:8081";

    // What a socket brings is handled on the thread that waits for it, and not handed to the thread pool first. Such a
    // thread serves its sockets one after the other, so there are two of them a processor: with one, what belongs to a
    // thread that has just lost its processor would wait beside a processor that is free. The runtime reads both with
    // the first socket.
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
    private const string SocketThreads = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    public static async Task<int> RunAsync(string[] args)
    {
        SetUnlessSet(InlineCompletions, "1");
        SetUnlessSet(SocketThreads, (2 * Environment.ProcessorCount).ToString(CultureInfo.InvariantCulture));
        var problems = new ConfigurationProblems();
        await using var gateway = await StartAsync(args, problems, TimeProvider.System);
        if (gateway is null)
        {
            foreach (var line in problems.Lines)
                Console.Error.WriteLine(line);
            return problems.Any ? ConfigurationExitCode : Environment.ExitCode;
        }

        gateway.PrintDemo();
        await gateway.WaitForShutdownAsync();
        return Environment.ExitCode;
    }

    private static void SetUnlessSet(string variable, string value)
    {
        if (Environment.GetEnvironmentVariable(variable) is null)
            Environment.SetEnvironmentVariable(variable, value);
    }

    /// <summary>
    /// Starts the gateway; null: it did not start, and the problems say why; without any it was told to stop.
    /// </summary>
    public static async Task<RunningGateway?> StartAsync(
        string[] args, ConfigurationProblems problems, TimeProvider time,
        Action<IServiceCollection>? replaceServices = null)
    {
        AmbiguousRequests.RefuseLineFeeds();
        var builder = CreateBuilder(args, problems);
        if (builder is null)
            return null;
        replaceServices?.Invoke(builder.Services);
        var demo = await DemoMode.StartAsync(builder.Configuration, builder.Environment);
        RedisConnection? redis = null;
        WebApplication? app = null;
        try
        {
            var settings = GatewaySettingsReader.Read(
                builder.Configuration, builder.Environment.EnvironmentName, problems);
            if (settings is not null)
            {
                var metrics = new GatewayMetrics();
                redis = await ConnectAsync(settings, metrics, time, problems);
                if (!problems.Any)
                {
                    app = TryBuild(builder, settings, redis, metrics, time, problems);
                    if (app is not null && await TryStartAsync(app, settings, problems))
                        return new RunningGateway(app, demo, redis);
                }
            }
        }
        catch
        {
            await RunningGateway.DisposeAsync(app, demo, redis);
            throw;
        }

        await RunningGateway.DisposeAsync(app, demo, redis);
        return null;
    }

    private static async Task<bool> TryStartAsync(
        WebApplication app, GatewaySettings settings, ConfigurationProblems problems)
    {
        try
        {
            await app.StartAsync();
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // SIGTERM: what has started leaves as it would later.
            await app.StopAsync();
            return false;
        }
        catch (HashKeyDiffersException e)
        {
            problems.Add("IamGateway:Store:HashKey", e.Message);
        }
        catch (Exception e) when (e is OptionsValidationException or AggregateException)
        {
            problems.Add("ReverseProxy", e.Message.ReplaceLineEndings(" "));
        }
        catch (Exception e) when (
            e is IOException or SocketException or InvalidOperationException or CryptographicException)
        {
            var endpoint = app.Services.GetRequiredService<AdminHost>().Address.Length == 0 ? "Admin" : "Proxy";
            var reason = e.Message.ReplaceLineEndings(" ").TrimEnd('.');
            problems.Add(
                $"Kestrel:Endpoints:{endpoint}",
                $"it cannot listen: {reason}. Correct Url or Certificate, or end the process that has the port.");
        }

        return !problems.Any;
    }

    private static WebApplication? TryBuild(
        WebApplicationBuilder builder, GatewaySettings settings, RedisConnection? redis, GatewayMetrics metrics,
        TimeProvider time, ConfigurationProblems problems)
    {
        try
        {
            return Build(builder, settings, redis, metrics, time);
        }
        catch (InvalidDataException e)
        {
            problems.Add("IamGateway:Store:StateFile", $"{settings.Options.Store.StateFile}: {e.Message}.");
        }
        catch (InvalidOperationException e) when (e.InnerException is AggregateException proxy)
        {
            foreach (var problem in proxy.InnerExceptions)
                problems.Add("ReverseProxy", problem.Message.ReplaceLineEndings(" "));
        }
        catch (InvalidOperationException e) when (e.Message.StartsWith("Configuration value", StringComparison.Ordinal))
        {
            problems.Add("Logging:LogLevel", e.Message);
        }

        return null;
    }

    private static WebApplicationBuilder? CreateBuilder(string[] args, ConfigurationProblems problems)
    {
        var (file, secrets, rest) = GatewayConfiguration.Split(args);
        if (file is not null && !File.Exists(file))
        {
            problems.Add("--config", $"there is no file '{file}'.");
            return null;
        }

        if (secrets is not null && !Directory.Exists(secrets))
        {
            problems.Add("--secrets", $"there is no folder '{secrets}'.");
            return null;
        }

        try
        {
            var builder = WebApplication.CreateBuilder(new WebApplicationOptions
            {
                Args = rest,
                ContentRootPath = AppContext.BaseDirectory,
            });
            GatewayConfiguration.Layer(builder.Configuration, file, secrets);
            return builder;
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            var reason = (e.InnerException ?? e).Message.ReplaceLineEndings(" ").TrimEnd('.');
            problems.Add(
                file is null ? "appsettings" : "--config",
                $"{file ?? "appsettings"} is not valid JSON configuration: {reason}.");
            return null;
        }
    }

    private static async Task<RedisConnection?> ConnectAsync(
        GatewaySettings settings, GatewayMetrics metrics, TimeProvider time, ConfigurationProblems problems)
    {
        if (settings.Redis is not { } connectionString)
            return null;
        var store = settings.Options.Store;
        try
        {
            var redis = await RedisConnection.ConnectAsync(
                connectionString, store.KeyPrefix, store.Timeout, metrics, time);
            if (await redis.EvictionPolicyAsync() is { } policy)
            {
                problems.Add(
                    "ConnectionStrings:Redis",
                    $"its maxmemory-policy is {policy}; set noeviction, "
                    + "because an evicted name would send its session to another version.");
            }

            return redis;
        }
        catch (StoreUnavailableException e)
        {
            problems.Add("ConnectionStrings:Redis", $"{e.Message}.");
            return null;
        }
    }

    private static WebApplication Build(
        WebApplicationBuilder builder, GatewaySettings settings, RedisConnection? redis, GatewayMetrics metrics,
        TimeProvider time)
    {
        builder.Logging.AddSecretFreeLogs();
        builder.Services.AddSingleton(time);
        builder.Services.AddGateway(settings, builder.Configuration, redis, metrics);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.UseLimits(settings);
            kestrel.ApplicationServices.GetRequiredService<Listeners>().Configure(
                kestrel, GatewayConfiguration.Listener(builder.Configuration, "Proxy", DefaultProxyUrl));
        });
        builder.Services.Configure<SocketTransportOptions>(sockets =>
        {
            // No step of a request blocks its thread. The admin listener, whose commands may write a file, goes on
            // using the thread pool.
            sockets.UnsafePreferInlineScheduling = true;
            // 4 KB a connection, for a call of the system less a request.
            sockets.WaitForDataBeforeAllocatingBuffer = false;
        });
#pragma warning disable CA2252 // Marked as a preview since .NET 7; there is no other way to this limit.
        builder.Services.Configure<QuicTransportOptions>(
            quic => quic.MaxBidirectionalStreamCount = settings.Options.Limits.StreamsPerConnection);
#pragma warning restore CA2252
        builder.Services.Configure<HostOptions>(
            o => o.ShutdownTimeout = settings.Options.ShutdownDelay + settings.Options.ShutdownTimeout);
        AddSystemd(builder.Services);
        var app = builder.Build();
        app.UseEdge();
        app.UseLeaving();
        app.MapReverseProxy(proxy =>
        {
            proxy.UseMiddleware<GatewayPipeline>();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
        return app;
    }

    // Tells systemd when the listeners are open and when it stops (Type=notify). Not AddSystemd, which would also take
    // the logs' format out of the operator's hands.
    private static void AddSystemd(IServiceCollection services)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 0 })
            return;
        services.AddSingleton<ISystemdNotifier, SystemdNotifier>();
        services.AddSingleton<IHostLifetime, SystemdLifetime>();
    }
}
