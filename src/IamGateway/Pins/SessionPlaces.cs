using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Instances;
using IamGateway.Routing;
using IamGateway.Sessions;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Pins;

/// <summary>
/// With instance affinity: on which instance each session lives, because its state is in that instance's memory. Noted
/// when a handle is issued; looked up once a session and replica; changed only when the instance is gone.
/// </summary>
internal sealed class SessionPlaces : IDisposable
{
    private readonly Replica _replica;
    private readonly IPinStore _store;
    private readonly StoreOutbox _outbox;
    private readonly InstanceTable _instances;
    private readonly TimeProvider _time;
    private readonly Random _chance;
    private readonly TimeSpan _extendAfter;
    private readonly NameCache<Known> _known;
    private string? _generation;

    public SessionPlaces(
        Replica replica, IPinStore store, StoreOutbox outbox, InstanceTable instances, GatewaySettings settings,
        TimeProvider time, Random chance)
    {
        (_replica, _store, _outbox, _instances, _time, _chance) = (replica, store, outbox, instances, time, chance);
        IsOn = settings.Options.Affinity == SessionAffinity.Instance;
        _extendAfter = settings.Options.Store.SessionTtl / 4;
        _known = new NameCache<Known>(IsOn ? settings.Options.Store.CachedNames : 0);
        if (IsOn)
            replica.Adopted += PutBack;
    }

    /// <summary>A session belongs to an instance, and not only to a version.</summary>
    public bool IsOn { get; }

    /// <summary>Finds where the session lives. Where that cannot be found out, the request is refused.</summary>
    public async ValueTask FindAsync(GatewayRequest request)
    {
        var isAway = false;
        for (var i = 0; i < request.HandleCount; i++)
        {
            var name = request[i].Key;
            _known.TryGet(name, out var known);
            var place = known.Instance;
            // While an instance drains its sessions end; a new one under an old name must not begin there.
            if (place is null || _instances.Find(place) is not { Draining: false })
            {
                try
                {
                    place = await _store.PlaceOfAsync(name);
                }
                catch (StoreUnavailableException)
                {
                    isAway |= place is null;
                }
            }

            if (place is null)
                continue;
            Remember(name, place);
            (request.Place, request.PlaceName) = (place, name);
            return;
        }

        if (isAway)
            SessionRouter.Refuse(request, RefusalCode.StoreUnavailable);
    }

    private void Remember(SessionKey name, string instance)
    {
        var now = _time.GetTimestamp();
        if (_known.TryGet(name, out var known) && known.Instance == instance
            && _time.GetElapsedTime(known.At, now) < _extendAfter)
            return;
        _outbox.Add(new StoreWrite(StoreWriteKind.PlaceRefresh, name));
        _known.Set(name, new Known(instance, now));
    }

    /// <summary>
    /// The instances that the request may go to: of the version of the one that its session lives on only that, though
    /// it may be draining.
    /// </summary>
    public VersionInstances Narrow(
        VersionInstances usable, IReadOnlyList<DestinationState> available, GatewayRequest request)
    {
        foreach (var left in request.Left)
            usable = usable.Without(left);
        return request.Place is { } place && !request.Left.Contains(place)
            && _instances.Find(place) is { CanServe: true, Version: { } version }
            && available.FirstOrDefault(d => d.DestinationId == place) is { } destination
            ? usable.With(version, destination)
            : usable;
    }

    /// <summary>
    /// The instance that the session lives on is gone: it lives on another one from now on, the same for every replica.
    /// False: the store could not be asked, and the request is refused.
    /// </summary>
    public async ValueTask<bool> MoveAsync(GatewayRequest request, IReadOnlyList<DestinationState> choices)
    {
        try
        {
            var now = await _store.ReplaceAsync(
                _replica.View.Terms, request.PlaceName, choices[Draw(choices.Count)].DestinationId, request.Place!);
            request.Place = now;
            _known.Set(request.PlaceName, new Known(now, _time.GetTimestamp()));
            return true;
        }
        catch (StoreUnavailableException)
        {
            SessionRouter.Refuse(request, RefusalCode.StoreUnavailable);
            return false;
        }
    }

    private int Draw(int count)
    {
        lock (_chance)
            return _chance.Next(count);
    }

    /// <summary>Where its session lives is not known, so a handle that it has brought itself is new.</summary>
    public bool IsNew(GatewayRequest request) => IsOn && request.Place is null;

    /// <summary>Notes where the session of a handle lives that a response has issued.</summary>
    public async ValueTask WriteAsync(GatewayRequest request, SessionKey issued, SessionKey owner)
    {
        if (!Note(request, issued, owner))
            return;
        await _store.PlaceAsync(_replica.View.Terms, owner, request.InstanceId!);
        request.Place = request.InstanceId;
    }

    /// <summary>The same behind the response.</summary>
    public void Queue(GatewayRequest request, SessionKey issued, SessionKey owner)
    {
        if (!Note(request, issued, owner))
            return;
        _outbox.Add(new StoreWrite(StoreWriteKind.Place, owner, Instance: request.InstanceId));
        request.Place = request.InstanceId;
    }

    /// <summary>False: there is nothing new to write.</summary>
    private bool Note(GatewayRequest request, SessionKey issued, SessionKey owner)
    {
        if (!IsOn || request.InstanceId is not { } instance)
            return false;
        _known.Set(issued, new Known(instance, _time.GetTimestamp()));
        if (request.Place != instance)
            return true;
        _outbox.Add(new StoreWrite(StoreWriteKind.PlaceRefresh, owner));
        return false;
    }

    /// <summary>The session has ended.</summary>
    public void End(SessionKey name)
    {
        if (!IsOn)
            return;
        _outbox.Add(new StoreWrite(StoreWriteKind.PlaceEnd, name));
        _known.Set(name, default);
    }

    // Another store may know nothing; what this replica knows is put back, unless there is something later.
    private void PutBack()
    {
        var generation = _replica.View.State.Generation.Tag;
        if (Interlocked.Exchange(ref _generation, generation) is not { } before || before == generation)
            return;
        foreach (var (name, known) in _known.All().Where(k => k.Value.Instance is not null))
            _outbox.Add(new StoreWrite(StoreWriteKind.PlaceAgain, name, Instance: known.Instance));
    }

    public void Dispose() => _replica.Adopted -= PutBack;

    private readonly record struct Known(string? Instance, long At);
}
