using System.Buffers;
using System.Net;
using IamGateway.Configuration;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Routing;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace IamGateway.Forwarding;

/// <summary>
/// The connections that last: upgraded ones and streams of events. Those whose instance, version or session goes are
/// closed, spread over a while so that their clients do not all come back at once.
/// </summary>
internal sealed partial class OpenConnections : IDisposable
{
    private const string EventType = "text/event-stream";
    private static readonly SearchValues<string> Events = SearchValues.Create(
        [EventType], StringComparison.OrdinalIgnoreCase);

    private readonly Lock _lock = new();
    private readonly HashSet<LastingStream> _open = [];
    private readonly Replica _replica;
    private readonly InstanceTable _instances;
    private readonly SessionRouter _router;
    private readonly GatewayOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _chance;
    private readonly ILogger<OpenConnections> _logger;
    private NameCache? _lookedUpWith;
    private volatile bool _isClosing;

    public OpenConnections(
        Replica replica, InstanceTable instances, SessionRouter router, GatewaySettings settings, TimeProvider time,
        Random chance, ILogger<OpenConnections> logger)
    {
        (_replica, _instances, _router, _options) = (replica, instances, router, settings.Options);
        (_time, _chance, _logger) = (time, chance, logger);
        replica.Adopted += Look;
        instances.AddressesChanged += Look;
    }

    /// <summary>The connections that are open to an instance.</summary>
    public int Count(string instanceId)
    {
        lock (_lock)
            return _open.Count(c => c.Request.InstanceId == instanceId);
    }

    /// <summary>The request asks for an upgrade or for a stream of events.</summary>
    public static bool MayBeOne(HttpContext http)
    {
        // The server takes no request for one to be upgraded that has no Connection header.
        if (http.Request.Headers.Connection.Count > 0
                && http.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true
            || HttpMethods.IsConnect(http.Request.Method)
                && http.Features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect == true)
            return true;
        foreach (var accepted in http.Request.Headers.Accept)
        {
            if (accepted.AsSpan().ContainsAny(Events))
                return true;
        }

        return false;
    }

    /// <summary>
    /// Keeps the response among the open connections while it is read, if it is of that kind; else false.
    /// </summary>
    public bool TryFollow(HttpContext http, HttpResponseMessage response, GatewayRequest request)
    {
        var isUpgraded = IsUpgraded(response);
        if (!isUpgraded && !IsOfEvents(response))
            return false;
        Follow(http, response, request, isUpgraded);
        return true;
    }

    private void Follow(HttpContext http, HttpResponseMessage response, GatewayRequest request, bool isUpgraded)
    {
        Func<Stream, LastingStream> over;
        if (isUpgraded)
        {
            over = IsWebSocket(response)
                ? inner => new WebSocketStream(inner, http, request, this, _time)
                : inner => new OpaqueStream(inner, http, request, this, _time);
        }
        else
        {
            var isReadable = response.Content.Headers.ContentEncoding.Count == 0;
            over = inner => new EventStream(inner, isReadable, http, request, this, _time);
        }

        response.Content = new LastingContent(response.Content, inner => Add(over(inner)));
        // A client that is gone without a word would be waited for for ever.
        if (http.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
            KeepAlive.Set(socket);
    }

    private static bool IsUpgraded(HttpResponseMessage response) =>
        response.StatusCode == HttpStatusCode.SwitchingProtocols
        || response is { StatusCode: HttpStatusCode.OK, RequestMessage: { Headers.Protocol: not null } request }
            && request.Method == HttpMethod.Connect;

    // The header is parsed only where it may say so.
    private static bool IsOfEvents(HttpResponseMessage response) =>
        response.Content.Headers.NonValidated.TryGetValues("Content-Type", out var type)
        && type.ToString().AsSpan().ContainsAny(Events)
        && EventType.Equals(response.Content.Headers.ContentType?.MediaType, StringComparison.OrdinalIgnoreCase);

    private static bool IsWebSocket(HttpResponseMessage response) =>
        response.RequestMessage?.Headers is { } headers
        && (string.Equals(headers.Protocol, "websocket", StringComparison.OrdinalIgnoreCase)
            || headers.Upgrade.Any(u => u.Name.Equals("websocket", StringComparison.OrdinalIgnoreCase)));

    private LastingStream Add(LastingStream connection)
    {
        lock (_lock)
            _open.Add(connection);
        // What has changed since the request was decided is seen here, or it sees this connection.
        var view = _replica.View;
        if (_isClosing || MustClose(connection.Request, view))
            Close([connection], _options.Drain.CloseWithin);
        else if (view.Ended.Count > 0 && !ReferenceEquals(view, connection.Request.View))
            _ = CloseEndedAsync(view, [connection]);
        return connection;
    }

    public void Remove(LastingStream connection)
    {
        lock (_lock)
            _open.Remove(connection);
    }

    /// <summary>Closes those to an instance.</summary>
    public void CloseTo(string instanceId) =>
        Close([.. NotDue().Where(c => c.Request.InstanceId == instanceId)], _options.Drain.CloseWithin);

    /// <summary>Closes all of them, and those that are still to come.</summary>
    public void CloseAll(TimeSpan within)
    {
        _isClosing = true;
        Interlocked.MemoryBarrier();
        Close(NotDue(), within);
    }

    private LastingStream[] NotDue()
    {
        lock (_lock)
            return [.. _open.Where(c => !c.IsDue)];
    }

    private void Look()
    {
        var view = _replica.View;
        var open = NotDue();
        Close([.. open.Where(c => MustClose(c.Request, view))], _options.Drain.CloseWithin);
        // The view keeps this while the list of ended sessions stays as it is.
        if (view.Ended.Count > 0 && Interlocked.Exchange(ref _lookedUpWith, view.NotEnded) != view.NotEnded)
            _ = CloseEndedAsync(view, open);
    }

    private bool MustClose(GatewayRequest request, RoutingView view) =>
        _instances.Find(request.InstanceId!) is not { } instance
        // Where sessions live on an instance, what belongs to them stays with them.
        || instance.Draining && _options.Affinity == SessionAffinity.Version
        || view.IsClosing && request.Ordinal < view.Newest
        || view.State.Find(request.Version!) is { Status: VersionStatus.Retired or VersionStatus.Revoked };

    private async Task CloseEndedAsync(RoutingView view, LastingStream[] open)
    {
        try
        {
            var ended = new List<LastingStream>();
            foreach (var connection in open)
            {
                if (await IsEndedAsync(view, connection.Request))
                    ended.Add(connection);
            }

            Close([.. ended], _options.Drain.CloseWithin);
        }
        catch (StoreUnavailableException)
        {
            // Without the store no session is ended through the API either; the next look comes with the next end.
            Interlocked.CompareExchange(ref _lookedUpWith, null, view.NotEnded);
        }
    }

    private async ValueTask<bool> IsEndedAsync(RoutingView view, GatewayRequest request)
    {
        if (request.Root is { } root && view.Ended.Contains(root))
            return true;
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (view.Ended.Contains(await _router.RecordOfAsync(view, request[i].Key)))
                return true;
        }

        return false;
    }

    private void Close(LastingStream[] connections, TimeSpan within)
    {
        if (connections.Length == 0)
            return;
        Log.Closing(_logger, connections.Length, within);
        foreach (var connection in connections)
        {
            double part;
            lock (_chance)
                part = _chance.NextDouble();
            connection.CloseAfter(within * part);
        }
    }

    public void Dispose()
    {
        _replica.Adopted -= Look;
        _instances.AddressesChanged -= Look;
    }

    private static partial class Log
    {
        [LoggerMessage(6000, LogLevel.Information, "Closing {Count} open connections within {Time}.")]
        public static partial void Closing(ILogger logger, int count, TimeSpan time);
    }
}
