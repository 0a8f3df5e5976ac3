using IamGateway.Configuration;
using IamGateway.Edge;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Forwarding;

/// <summary>
/// The way of a request: session → pin → version → instance → forward → record. It stands in YARP's pipeline before
/// load balancing, takes the requests of the IAM's cluster to their end, and leaves those of other clusters to YARP.
/// </summary>
internal sealed class GatewayPipeline(
    RequestDelegate next, GatewaySettings settings, Replica replica, InFlight inFlight, SessionRouter router,
    SessionPlaces places, Witness witness, Admission admission, InstanceTable instances, Succession succession,
    Retries retries, InstanceForwarder forwarder, RequestRecorder recorder, TimeProvider time, GatewayMetrics metrics)
{
    public Task InvokeAsync(HttpContext http)
    {
        var proxy = http.GetReverseProxyFeature();
        return proxy.Cluster.Config.ClusterId == settings.Options.Cluster ? RouteAsync(http, proxy) : next(http);
    }

    private async Task RouteAsync(HttpContext http, IReverseProxyFeature proxy)
    {
        var request = inFlight.Add();
        try
        {
            request.Http = http;
            request.StartedAt = time.GetTimestamp();
            request.Span = RequestSpan.Start(http);
            if (!replica.CanServe)
                SessionRouter.Refuse(request, replica.IsForgotten ? RefusalCode.Forgotten : RefusalCode.NotReady);
            else if (admission.Judge(http) is var code and not RefusalCode.None)
                SessionRouter.Refuse(request, code);
            else
                await DecideAsync(http, proxy, request);
            if (request.Refusal == RefusalCode.NoInstance)
                await SucceedAsync(http, request);
            if (request.Refusal == RefusalCode.None)
                await ForwardAsync(http, proxy, request);
            if (request.Refusal != RefusalCode.None && !http.Response.HasStarted)
                await Refusals.WriteAsync(http, request.Refusal);
        }
        finally
        {
            recorder.Record(http, request);
            End(http, request);
        }
    }

    private async ValueTask DecideAsync(HttpContext http, IReverseProxyFeature proxy, GatewayRequest request)
    {
        var isStateless = IsStateless(http);
        if (!isStateless)
        {
            var secret = request.Secret = replica.View.Secret;
            settings.Sessions.Read(http.Request, request, secret);
            if (settings.Sessions.WantsForm(http.Request))
                await ReadFormAsync(http, request, secret);
        }

        witness.Learn(http.Request, request, replica.View);
        if (places.IsOn && !isStateless)
            await places.FindAsync(request);
        if (request.Refusal != RefusalCode.None)
            return;
        if (!isStateless && !admission.MayBegin(http, request, replica.View))
        {
            SessionRouter.Refuse(request, RefusalCode.TooManyNewSessions);
            return;
        }

        request.Instances = Usable(proxy.AvailableDestinations, proxy.Cluster.Config, request);
        await router.DecideAsync(request, isStateless, IsHold(http.Request.Path));
        if (request.Decision == Decision.Unknown)
            admission.Count(http);
        if (request.Stripped is null)
            return;
        StrippedHandles.Remove(http, request, settings.Sessions);
        if (request.Place is null)
            return;
        // Perhaps that of a session which was ended.
        request.Place = null;
        await places.FindAsync(request);
        request.Instances = Usable(proxy.AvailableDestinations, proxy.Cluster.Config, request);
    }

    private async ValueTask ReadFormAsync(HttpContext http, GatewayRequest request, byte[] secret)
    {
        if (http.Request.ContentLength > FormBody.MaxBytes)
            metrics.HandleIgnored("form_too_large");
        else if (!FormBody.IsForm(http.Request))
            metrics.HandleIgnored("form_unreadable");
        else if (await FormBody.PeekAsync(http) is { } form)
            settings.Sessions.ReadForm(http.Request.Path, form, request, secret);
        else
            metrics.HandleIgnored("form_too_large");
    }

    private bool IsHold(PathString path)
    {
        foreach (var prefix in settings.HoldPaths)
        {
            if (SessionRule.IsUnder(path, prefix))
                return true;
        }

        return false;
    }

    private async Task ForwardAsync(HttpContext http, IReverseProxyFeature proxy, GatewayRequest request)
    {
        if (request.Place is not null && !await SettleAsync(http, request))
            return;
        request.MayLast = OpenConnections.MayBeOne(http);
        var destinations = await NarrowAsync(http, proxy, request, request.Instances.Of(request.Version!));
        if (destinations.Count == 0)
            return;
        http.Features.Set<IReverseProxyFeature>(request);
        using var body = ReplayBody.Of(http);
        while (true)
        {
            // Stays so if something is thrown.
            ForwarderError? result = null;
            try
            {
                result = await forwarder.SendAsync(http, request);
            }
            finally
            {
                forwarder.Conclude(http, request, result);
            }

            IReadOnlyList<DestinationState> others =
                request.Error is null ? [] : Others(destinations, request);
            var retry = retries.Judge(http, request, body, others.Count > 0);
            if (retry == Retry.None)
                return;
            http.Features.Set<IForwarderErrorFeature>(null);
            request.Error = null;
            http.Response.Clear();
            if (others.Count > 0)
            {
                destinations = others;
            }
            else if (retry == Retry.NotConnected)
            {
                if (!await MovesUpAsync(http, request))
                    return;
                destinations = request.Instances.Of(request.Version!);
            }

            // Else a connection has ended, which says nothing of the next one to the same instance.
            destinations = await NarrowAsync(http, proxy, request, destinations);
            if (destinations.Count == 0)
                return;
            metrics.Retried(retry == Retry.Reset ? "reset" : "connect");
        }
    }

    /// <summary>
    /// Leaves the request these instances to choose from. One that was drained meanwhile is not among them: whoever
    /// drains it either sees here that the request may go there, or is seen here; each writes first and then reads.
    /// </summary>
    private ValueTask<IReadOnlyList<DestinationState>> NarrowAsync(
        HttpContext http, IReverseProxyFeature proxy, GatewayRequest request,
        IReadOnlyList<DestinationState> destinations) =>
        TryNarrow(proxy, request, destinations)
            ? ValueTask.FromResult(destinations)
            : NarrowAnewAsync(http, proxy, request, destinations);

    private bool TryNarrow(
        IReverseProxyFeature proxy, GatewayRequest request, IReadOnlyList<DestinationState> destinations)
    {
        if (destinations.Count == 0)
            return false;
        request.Narrow(proxy, destinations);
        Interlocked.MemoryBarrier();
        return instances.IsCurrent(request.Instances);
    }

    private async ValueTask<IReadOnlyList<DestinationState>> NarrowAnewAsync(
        HttpContext http, IReverseProxyFeature proxy, GatewayRequest request,
        IReadOnlyList<DestinationState> destinations)
    {
        while (!TryNarrow(proxy, request, destinations))
        {
            if (destinations.Count == 0)
            {
                if (!await MovesUpAsync(http, request))
                    return [];
                destinations = request.Instances.Of(request.Version!);
                continue;
            }

            request.Instances = Usable(http, request);
            if (request.Place is not null && !await SettleAsync(http, request))
                return [];
            var usable = request.Instances.Of(request.Version!);
            var isAny = request.InstanceId is null || request.Place is not null;
            destinations = isAny ? usable : [.. usable.Intersect(destinations)];
        }

        return destinations;
    }

    /// <summary>
    /// No instance of its version can be reached: on to the next higher version, through the barrier.
    /// </summary>
    private async ValueTask<bool> MovesUpAsync(HttpContext http, GatewayRequest request)
    {
        if (request.Place is { } place && request.ProxiedDestination?.DestinationId == place)
        {
            // The one that its session lived on, and not all of the version.
            request.Leave(place);
            request.Instances = Usable(http, request);
            if (request.Instances.Has(request.Version!))
                return await SettleAsync(http, request);
        }

        request.GiveUp(request.Version!);
        // What its instances have just shown themselves to be counts.
        request.Instances = Usable(http, request);
        // It is at work nowhere: undecided again, and no other request of its session waits for it.
        request.Ordinal = 0;
        router.GiveBack(request);
        await router.DecideAsync(request, IsStateless(http), IsHold(http.Request.Path));
        return (request.Refusal == RefusalCode.None || await SucceedAsync(http, request))
            && (request.Place is null || await SettleAsync(http, request));
    }

    /// <summary>
    /// Leaves a request the one instance that its session lives on; if that is gone, another one becomes it. False: the
    /// request is refused.
    /// </summary>
    private async ValueTask<bool> SettleAsync(HttpContext http, GatewayRequest request)
    {
        while (request.Place is { } place)
        {
            var choices = request.Instances.Of(request.Version!);
            if (choices.Count == 0 || choices is [var only] && only.DestinationId == place)
                return true;
            if (!await places.MoveAsync(request, choices))
                return false;
            request.Instances = Usable(http, request);
        }

        return true;
    }

    /// <summary>No active version has an instance: on to the version that has taken their place, if one has.</summary>
    private async ValueTask<bool> SucceedAsync(HttpContext http, GatewayRequest request)
    {
        if (request.Refusal != RefusalCode.NoInstance
            || !await succession.TakesOverAsync(request, Usable(http, request)))
            return false;
        request.Refusal = RefusalCode.None;
        request.IsOut = false;
        request.Instances = Usable(http, request);
        await router.DecideAsync(request, IsStateless(http), IsHold(http.Request.Path));
        return request.Refusal == RefusalCode.None;
    }

    private VersionInstances Usable(HttpContext http, GatewayRequest request)
    {
        var cluster = http.GetRouteModel().Cluster!;
        var usable = Usable(cluster.DestinationsState.AvailableDestinations, cluster.Model.Config, request);
        foreach (var version in request.GivenUp)
            usable = usable.Without(version);
        return usable;
    }

    private VersionInstances Usable(
        IReadOnlyList<DestinationState> available, ClusterConfig cluster, GatewayRequest request)
    {
        var usable = instances.Of(available, isChecked: cluster.HealthCheck?.Active?.Enabled == true);
        return request.Place is null ? usable : places.Narrow(usable, available, request);
    }

    // A path that the IAM may read differently may be that of a session.
    private bool IsStateless(HttpContext http) =>
        settings.Sessions.IsStateless(http.Request.Path) && !RequestTarget.IsAmbiguous(http);

    private static IReadOnlyList<DestinationState> Others(
        IReadOnlyList<DestinationState> tried, GatewayRequest request) =>
        [.. tried.Where(d => d != request.ProxiedDestination)];

    /// <summary>
    /// Takes the request out of what is in flight and gives its leases back, at once if the instance is known to be
    /// done with it, else after the longest time that an instance may go on unseen.
    /// </summary>
    private void End(HttpContext http, GatewayRequest request)
    {
        request.Uncount();
        request.IsOut |= request.Ordinal == 0;
        if (request.Ordinal == 0 || settings.Options.TestOnly.IsOff(ProtocolRule.CutOff) || !CutOff.Is(request))
        {
            Finish(request);
            return;
        }

        request.CutOff = true;
        request.Http = null;
        var timer = time.CreateTimer(
            static state =>
            {
                var (pipeline, request) = ((GatewayPipeline, GatewayRequest))state!;
                pipeline.Finish(request);
            },
            (this, request), Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        request.Timer = timer;
        timer.Change(settings.Options.RequestTimeout, Timeout.InfiniteTimeSpan);
    }

    private void Finish(GatewayRequest request)
    {
        request.Timer?.Dispose();
        inFlight.Remove(request);
        lock (request)
        {
            request.Ended = true;
            request.Http = null;
            router.GiveBack(request);
        }
    }
}
