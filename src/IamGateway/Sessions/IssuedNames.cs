using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Routing;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Sessions;

/// <summary>
/// Binds every handle that a response hands out to the session of its request, before the headers leave: behind the
/// response in the steady state, in the store first at any other time.
/// </summary>
internal sealed class IssuedNames(
    SessionRules rules, IssuedBody body, Replica replica, IPinStore store, StoreOutbox outbox, SessionPlaces places,
    GatewaySettings settings, TimeProvider time)
{
    // The instance has done its work, so one slow call of the store must not undo it.
    private const int Attempts = 3;

    // The proxy takes the time that passes here for the instance's, and ends the response after RequestTimeout.
    private TimeSpan Patience { get; } = settings.Options.Migration.MaxWait < settings.Options.RequestTimeout / 2
        ? settings.Options.Migration.MaxWait
        : settings.Options.RequestTimeout / 2;

    /// <summary>Looks at a response. After a refusal it must not leave.</summary>
    public ValueTask OnResponseAsync(
        HttpContext http, HttpResponseMessage response, GatewayRequest request, CancellationToken cancellation)
    {
        if (rules.ReadsBodies)
            return OnBodyAsync(http, response, request, cancellation);
        if (http.Response.Headers.SetCookie.Count == 0 && http.Response.Headers.Location.Count == 0)
            return ValueTask.CompletedTask;
        var issued = Find(http, request);
        return issued is null ? ValueTask.CompletedTask : BindAsync(request, issued);
    }

    private async ValueTask OnBodyAsync(
        HttpContext http, HttpResponseMessage response, GatewayRequest request, CancellationToken cancellation)
    {
        var issued = await body.ReadAsync(
            http.Request.Path, response, request.View.Secret, Find(http, request), cancellation);
        request.Issued = issued;
        if (issued is not null)
            await BindAsync(request, issued);
    }

    private List<Handle>? Find(HttpContext http, GatewayRequest request)
    {
        List<Handle>? issued = null;
        List<Handle>? ended = null;
        var secret = request.View.Secret;
        for (var i = 0; i < rules.All.Count; i++)
        {
            var rule = rules.All[i];
            if (rule.Issue == HandleIssue.None || !rule.ReadsResponsesUnder(http.Request.Path))
                continue;
            switch (rule.Issue)
            {
                case HandleIssue.SetCookie:
                    FindCookies(http.Response.Headers.SetCookie, rule, i, secret, request, ref issued, ref ended);
                    break;
                case HandleIssue.LocationQuery or HandleIssue.LocationFragment:
                    foreach (var location in http.Response.Headers.Location)
                        Add(InLocation(location, rule), rule, i, secret, ref issued);
                    break;
            }
        }

        // A new cookie beside the deleted one is a rotation and no log-out.
        if (issued is null && ended is not null)
        {
            request.LoggedOut = true;
            foreach (var handle in ended)
            {
                outbox.Add(new StoreWrite(StoreWriteKind.End, handle.Key));
                places.End(handle.Key);
            }
        }

        request.Issued = issued;
        return issued;
    }

    private void FindCookies(
        Microsoft.Extensions.Primitives.StringValues headers, SessionRule rule, int index, byte[] secret,
        GatewayRequest request, ref List<Handle>? issued, ref List<Handle>? ended)
    {
        foreach (var header in headers)
        {
            if (!SetCookieHeader.TryParse(header, time.GetUtcNow(), out var cookie)
                || !cookie.Name.SequenceEqual(rule.IssueName))
                continue;
            if (!cookie.Expires)
            {
                if (SessionRules.TryKey(cookie.Value, rule, secret, out var key))
                    (issued ??= []).Add(new Handle(key, index));
                continue;
            }

            for (var i = 0; i < request.HandleCount; i++)
            {
                if (request[i].Rule == index)
                    (ended ??= []).Add(request[i]);
            }
        }
    }

    /// <summary>The decoded parameter that a rule finds in a Location header; null: it is not there.</summary>
    internal static string? InLocation(string? location, SessionRule rule)
    {
        if (location is null)
            return null;
        var hash = location.IndexOf('#');
        if (rule.Issue == HandleIssue.LocationFragment)
            return hash < 0 ? null : SessionRules.FindParameter(location.AsSpan(hash + 1), rule.IssueName!);
        var url = hash < 0 ? location.AsSpan() : location.AsSpan(0, hash);
        var mark = url.IndexOf('?');
        return mark < 0 ? null : SessionRules.FindParameter(url[(mark + 1)..], rule.IssueName!);
    }

    /// <summary>Adds a handle found elsewhere in a response, for example in its body.</summary>
    public static void Add(string? value, SessionRule rule, int index, byte[] secret, ref List<Handle>? issued)
    {
        if (value is not null && SessionRules.TryKey(value, rule, secret, out var key))
            (issued ??= []).Add(new Handle(key, index));
    }

    /// <summary>Records the handles; sets the request's refusal if that must be and cannot be.</summary>
    public async ValueTask BindAsync(GatewayRequest request, List<Handle> issued)
    {
        foreach (var handle in issued)
        {
            if (IsKnown(request, handle.Key) && !places.IsNew(request))
                continue;
            if (!await TryBindAsync(request, handle))
            {
                SessionRouter.Refuse(request, RefusalCode.StoreUnavailable);
                return;
            }
        }
    }

    private static bool IsKnown(GatewayRequest request, SessionKey key)
    {
        if (request.Root == key)
            return true;
        for (var i = 0; i < request.HandleCount; i++)
        {
            if (request[i].Key == key)
                return true;
        }

        return false;
    }

    private async ValueTask<bool> TryBindAsync(GatewayRequest request, Handle handle)
    {
        var view = replica.View;
        if (!view.NamesFirst && !places.IsOn)
            return await QueuedAsync(view, request, handle);
        var started = time.GetTimestamp();
        var failures = 0;
        while (true)
        {
            try
            {
                if (await WriteAsync(view, request, handle))
                {
                    Interlocked.MemoryBarrier();
                    // The replica may have looked for what to lease before this request's session had a name.
                    return ReferenceEquals(view, replica.View) || await IsLeasedAsync(request);
                }
            }
            catch (StoreUnavailableException) when (!view.NamesFirst)
            {
                // This replica knows where the session is; the others refuse it until the store is back.
                return await QueuedAsync(view, request, handle);
            }
            catch (StoreUnavailableException) when (++failures < Attempts)
            {
                continue;
            }
            catch (StoreUnavailableException)
            {
                if (view.Final == 0 || request.Ordinal != view.Final || !view.IsStrict)
                    return false;
                // At the newest version an unknown name goes to the same place; it must be known before the next
                // rollout only.
                Queue(view, request, handle);
                // Remembered as final, or the session could not be used until the store is back.
                if (view.Names.TryGet(handle.Key, out var queued))
                    view.Names.Set(handle.Key, queued with { Final = view.Final });
                return true;
            }

            var left = Patience - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !await replica.NewerAsync(view, left))
                return false;
            view = replica.View;
        }
    }

    private async ValueTask<bool> QueuedAsync(RoutingView view, GatewayRequest request, Handle handle)
    {
        Queue(view, request, handle);
        Interlocked.MemoryBarrier();
        if (!replica.View.NamesFirst)
            return true;
        // The phase changed between: whoever flushes has seen what was queued, or it is waited for here.
        return await IsFlushedAsync() && await IsLeasedAsync(request);
    }

    /// <summary>
    /// The phase turned strict around this response, perhaps after the replica looked for what to lease. In a
    /// generation that is not acknowledged a lease would pass for proof, and none is needed: the acknowledgement waits
    /// for this request.
    /// </summary>
    private async Task<bool> IsLeasedAsync(GatewayRequest request)
    {
        var view = replica.View;
        try
        {
            if (view.IsStrict && request.Ordinal < view.Top && replica.HasAcknowledgedGeneration(view))
                await replica.LeaseAsync(view, request);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    private async Task<bool> IsFlushedAsync()
    {
        try
        {
            await outbox.FlushAsync(CancellationToken.None).WaitAsync(Patience, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>The record that a new handle of this request belongs to; null: the request begins a session.</summary>
    private static SessionKey? Owner(RoutingView view, GatewayRequest request, int rule)
    {
        if (request.HandleFor(rule) is { } name)
        {
            // A name that this replica did not see issued is not taken for a record: the new one is chained to it.
            return view.Names.TryGet(name, out var entry) && entry.Root is { } root ? root : name;
        }

        return request.Root;
    }

    private void Queue(RoutingView view, GatewayRequest request, Handle handle)
    {
        if (Owner(view, request, handle.Rule) is { } owner)
        {
            if (settings.Options.TestOnly.IsOff(ProtocolRule.GuessedNames))
                outbox.Add(new StoreWrite(StoreWriteKind.Record, owner, Ordinal: request.Ordinal));
            outbox.Add(new StoreWrite(
                StoreWriteKind.Link, handle.Key, Target: owner, Lifetime: rules.All[handle.Rule].Lifetime));
            view.Names.Set(handle.Key, new NameCache.Entry(owner, 0, time.GetTimestamp()));
            lock (request)
                request.Root ??= owner;
            places.Queue(request, handle.Key, owner);
            return;
        }

        outbox.Add(new StoreWrite(
            StoreWriteKind.Record, handle.Key, Ordinal: request.Ordinal, Bucket: Math.Max(request.Bucket, 0)));
        view.Names.Set(handle.Key, new NameCache.Entry(handle.Key, 0, time.GetTimestamp()));
        lock (request)
            request.Root = handle.Key;
        places.Queue(request, handle.Key, handle.Key);
    }

    private async ValueTask<bool> WriteAsync(RoutingView view, GatewayRequest request, Handle handle)
    {
        if (Owner(view, request, handle.Rule) is { } owner)
        {
            if (owner != handle.Key
                && !await store.LinkAsync(view.Terms, handle.Key, owner, rules.All[handle.Rule].Lifetime))
                return false;
            await places.WriteAsync(request, handle.Key, owner);
            Remember(view, request, handle.Key, owner);
            return true;
        }

        // The request that begins a session is at work on it until its response ends.
        LeaseId? lease = request.Ordinal < view.Top && !settings.Options.TestOnly.IsOff(ProtocolRule.NewSessionLease)
            ? request.LeaseOf(replica.Id)
            : null;
        var key = handle.Key;
        for (var hops = 0; hops < SessionRouter.MaxAliasHops; hops++)
        {
            if (lease is not null)
            {
                // A call that times out may be carried out after all.
                lock (request)
                    request.MayLease(key);
            }

            var reply = await store.LeaseAsync(view.Terms, key, lease, request.Ordinal, Math.Max(request.Bucket, 0));
            if (reply.Outcome == ClaimOutcome.StaleGeneration)
                return false;
            if (reply.Outcome == ClaimOutcome.Alias)
            {
                key = reply.Target;
                continue;
            }

            lock (request)
            {
                request.Root = key;
                if (lease is not null)
                    request.LeasedIn = view.Terms.Generation;
            }

            await places.WriteAsync(request, handle.Key, key);
            Remember(view, request, handle.Key, key);
            return true;
        }

        return false;
    }

    private void Remember(RoutingView view, GatewayRequest request, SessionKey name, SessionKey root)
    {
        var final = view.IsStrict && request.Ordinal == view.Final ? view.Final : 0;
        view.Names.Set(name, new NameCache.Entry(root, final, time.GetTimestamp()));
    }
}
