using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace DemoIam;

/// <summary>One running instance of the demo IAM with its own web server.</summary>
public sealed class DemoIamInstance : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private WebApplication? _app;
    private Uri? _address;
    private long _requests;
    private long _olderVersionRequests;
    private long _sessionRequests;
    private double _errorRate;
    private int _disposed;

    private DemoIamInstance(DemoIamOptions options, ISessionState state)
    {
        Options = options;
        State = state;
        StateVersion = StateVersion.Parse(options.Version);
        Recorder = new HistoryRecorder(options.HistoryFile, options.HistoryLimit);
        ErrorRate = options.ErrorRate;
        Name = options.Name ?? options.Version;
    }

    public Uri Address => _address!;

    public string Version => Options.Version;

    public string Name { get; private set; }

    /// <summary>Requests received, without health checks and /counters.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Requests that met state of a newer version. Behind a correct gateway this stays 0.</summary>
    public long OlderVersionRequests => Interlocked.Read(ref _olderVersionRequests);

    /// <summary>What was recorded so far; empty if the history goes to a file.</summary>
    public IReadOnlyList<HistoryEntry> History => Recorder.Snapshot();

    /// <summary>Entries that fell out of <see cref="History"/> because of its limit.</summary>
    public long HistoryDropped => Recorder.Dropped;

    /// <summary>May be changed while running, for a release that goes bad.</summary>
    public double ErrorRate
    {
        get => Volatile.Read(ref _errorRate);
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 0);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1);
            Volatile.Write(ref _errorRate, value);
        }
    }

    internal DemoIamOptions Options { get; }

    internal ISessionState State { get; }

    internal StateVersion StateVersion { get; }

    internal HistoryRecorder Recorder { get; }

    /// <summary>Ends what would otherwise have no end, such as an idle WebSocket.</summary>
    internal CancellationToken Stopping => _stopping.Token;

    /// <summary>Starts an instance. The state stays the caller's to dispose.</summary>
    public static async Task<DemoIamInstance> StartAsync(
        DemoIamOptions options, ISessionState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(state);
        var instance = new DemoIamInstance(options, state);
        try
        {
            await instance.StartAsync(cancellationToken);
            return instance;
        }
        catch
        {
            await instance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the requests in flight (at most the shutdown timeout), then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _stopping.CancelAsync();
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        Recorder.Dispose();
        _stopping.Dispose();
    }

    internal void CountOlderVersionRequest() => Interlocked.Increment(ref _olderVersionRequests);

    /// <summary>Whether the next session request is one of those that fail: exactly the wanted fraction.</summary>
    internal bool NextFails()
    {
        var rate = ErrorRate;
        var number = Interlocked.Increment(ref _sessionRequests);
        return rate > 0 && Math.Floor(number * rate) > Math.Floor((number - 1) * rate);
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        // Empty on purpose: in process, the settings and ASPNETCORE_ variables around are those of the gateway.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "DemoIam" });
        builder.WebHost.UseKestrelCore().UseUrls(Options.Url).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ConfigureEndpointDefaults(listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = null;
            // Slow clients are part of the tests.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Options.ShutdownTimeout);

        _app = builder.Build();
        _app.Use(HandleAsync);
        _app.UseWebSockets();
        Endpoints.Map(_app, this);
        SessionEndpoints.Map(_app, this);
        TokenEndpoints.Map(_app, this);
        await _app.StartAsync(cancellationToken);
        _address = new Uri(_app.Urls.First());
        if (Options.Name is null)
            Name = $"{Version}-{_address.Port}";
    }

    [SuppressMessage("Design", "CA1031", Justification = "The last resort of a server answers 500 to whatever it is.")]
    private async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path;
        if (!path.StartsWithSegments("/health") && !path.StartsWithSegments("/counters"))
            Interlocked.Increment(ref _requests);
        AddHeaders(context.Response);
        try
        {
            await next(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went while its request was read; there is nobody to answer.
        }
        catch (BadHttpRequestException exception) when (!context.Response.HasStarted)
        {
            await Reply.Problem(exception.StatusCode, "bad_request", exception.Message).WriteAsync(context);
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            AddHeaders(context.Response);
            await Reply.Problem(500, "internal", exception.GetType().Name).WriteAsync(context);
        }
    }

    private void AddHeaders(HttpResponse response)
    {
        if (!Options.ReportsVersion)
            return;
        response.Headers["X-IAM-Version"] = Version;
        response.Headers["X-IAM-Instance"] = Name;
    }

    /// <summary>Leaves SIGTERM to the owner, who stops instances when the proxy in front has drained.</summary>
    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
