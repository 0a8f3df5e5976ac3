using System.Diagnostics;
using IamGateway.Instances;
using IamGateway.Pins;
using IamGateway.Recording;
using IamGateway.Routing;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace IamGateway.Forwarding;

/// <summary>
/// What the steps know of one request: session, pin, version, instance, outcome. It stays among the requests in flight
/// until the instance is known to be done with it, which may be after the client has its answer or is gone.
/// </summary>
internal sealed partial class GatewayRequest
{
    private const int MaxHandles = 16;
    private int _attempt;
    private Handle _first;
    private List<Handle>? _more;

    public GatewayRequest(long number) => Number = number;

    /// <summary>Its number in this process; part of the lease.</summary>
    public long Number { get; }

    /// <summary>The list of requests in flight that holds it; guarded by that list's lock.</summary>
    public GatewayRequest? Next { get; set; }

    public GatewayRequest? Previous { get; set; }

    public int Stripe { get; set; }

    public HttpContext? Http { get; set; }

    public int HandleCount { get; private set; }

    /// <summary>The key that the names of its handles were made with; set before there are any.</summary>
    public byte[]? Secret { get; set; }

    /// <summary>The view the decision is made under, from before it is made.</summary>
    public RoutingView View
    {
        get => Volatile.Read(ref _view!);
        set => Volatile.Write(ref _view, value);
    }

    private RoutingView? _view;

    /// <summary>The ordinal it was sent to; 0 while undecided. Written before the request is sent.</summary>
    public int Ordinal
    {
        get => Volatile.Read(ref _ordinal);
        set => Volatile.Write(ref _ordinal, value);
    }

    private int _ordinal;

    /// <summary>No version will be chosen for it any more: refused, or outside the IAM.</summary>
    public bool IsOut
    {
        get => Volatile.Read(ref _isOut);
        set => Volatile.Write(ref _isOut, value);
    }

    private bool _isOut;

    public Decision Decision { get; set; }

    public RefusalCode Refusal { get; set; }

    public VersionId? Version { get; set; }

    public VersionInstances Instances { get; set; } = VersionInstances.None;

    public string? InstanceId { get; set; }

    /// <summary>Where it is counted: under the instance and version that it was last sent to.</summary>
    public InstanceMetrics? Counted { get; private set; }

    /// <summary>The bucket drawn for a session that this request begins.</summary>
    public int Bucket { get; set; } = -1;

    /// <summary>
    /// The records it holds, or may hold, leases on; guarded by the request itself. Set at most by router, names and
    /// replica.
    /// </summary>
    public List<SessionKey>? Leased { get; private set; }

    /// <summary>
    /// The lease of its one session, if it shares one with other requests; guarded by the request itself.
    /// </summary>
    public SharedLease? Shared { get; private set; }

    /// <summary>
    /// The generation in which every session of it holds a lease; null: not all do, or of different ones.
    /// </summary>
    public string? LeasedIn { get; set; }

    /// <summary>
    /// The record of its session, once known. In the steady state the first handle that it saw issued.
    /// </summary>
    public SessionKey? Root { get; set; }

    /// <summary>Nothing is to be leased for it any more.</summary>
    public bool Ended { get; set; }

    /// <summary>Runs while a cut-off request still counts.</summary>
    public ITimer? Timer { get; set; }

    /// <summary>
    /// Its answer may be one that has no end of its own and may be silent for long: it asks for an upgrade or for
    /// events.
    /// </summary>
    public bool MayLast { get; set; }

    /// <summary>The connection was upgraded (WebSocket). Whoever sees the response says so.</summary>
    public bool IsUpgraded { get; set; }

    /// <summary>The client or the gateway cut it off; the instance may work on.</summary>
    public bool CutOff { get; set; }

    /// <summary>How often it was sent anew over another connection.</summary>
    public int Repeats { get; set; }

    /// <summary>It was sent anew after an instance had closed the connection without an answer.</summary>
    public bool WasReset { get; set; }

    /// <summary>The gateway has ended the response before the instance had finished its answer.</summary>
    public bool EndedEarly { get; set; }

    /// <summary>
    /// Handles whose sessions were ended; they are taken out of the request and expired in the response.
    /// </summary>
    public List<Handle>? Stripped { get; set; }

    /// <summary>What could not be read of it.</summary>
    public IgnoredHandles Ignored { get; set; }

    /// <summary>Handles that the response hands out.</summary>
    public List<Handle>? Issued { get; set; }

    /// <summary>Why it was not forwarded to its end the last time.</summary>
    public IForwarderErrorFeature? Error { get; set; }

    /// <summary>Stands between the instance and the client while the body of the response comes.</summary>
    public GatheredBody? Gathered { get; set; }

    /// <summary>The response ends the session.</summary>
    public bool LoggedOut { get; set; }

    /// <summary>The handle whose witness the client has and need not be given again.</summary>
    public SessionKey? Witnessed { get; set; }

    /// <summary>
    /// Without any handle it has a witness of a session that is final at this ordinal; 0: none.
    /// </summary>
    public int WitnessedAt { get; set; }

    public long StartedAt { get; set; }

    /// <summary>The header that the instance gets; null: it was not sent.</summary>
    public string? TraceParent { get; set; }

    /// <summary>Null: the request is not traced.</summary>
    public Activity? Span { get; set; }

    public TimeSpan StoreTime { get; set; }

    public TimeSpan BarrierTime { get; set; }

    public bool IsDecided => Ordinal != 0 || IsOut;

    public Handle this[int index] => index == 0 ? _first : _more![index - 1];

    public void AddHandle(Handle handle)
    {
        for (var i = 0; i < HandleCount; i++)
        {
            if (this[i].Key == handle.Key)
                return;
        }

        if (HandleCount == MaxHandles)
            return;
        if (HandleCount++ == 0)
            _first = handle;
        else
            (_more ??= []).Add(handle);
    }

    public void RemoveHandles(List<Handle> removed)
    {
        var kept = new List<Handle>();
        for (var i = 0; i < HandleCount; i++)
        {
            if (!removed.Contains(this[i]))
                kept.Add(this[i]);
        }

        HandleCount = 0;
        _more = null;
        foreach (var handle in kept)
            AddHandle(handle);
    }

    /// <summary>Notes a lease that the store may hold for this request. Call with the request locked.</summary>
    public void MayLease(SessionKey root)
    {
        Leased ??= [];
        if (!Leased.Contains(root))
            Leased.Add(root);
    }

    public bool HasLease(SessionKey root)
    {
        lock (this)
            return (Shared is { Group: > 0 } ? Root : Shared?.Root) == root || Leased?.Contains(root) == true;
    }

    /// <summary>Notes a lease that the store holds for this request. Call with the request locked.</summary>
    public void AddLease(SessionKey root, string generation)
    {
        var isFirst = Leased is not { Count: > 0 };
        MayLease(root);
        LeasedIn = isFirst || LeasedIn == generation ? generation : null;
    }

    /// <summary>The name of the leases that it takes as a request of a registration.</summary>
    public LeaseId LeaseOf(long replica) => new(replica, Number, _attempt);

    /// <summary>
    /// The name of leases that it has given back and that no other request is under; they may still be in the store.
    /// </summary>
    public LeaseId? FormerLease { get; private set; }

    /// <summary>Leases from here on have another name. Call with the request locked, before they are cleared.</summary>
    public void RenameLease(long replica)
    {
        if (Leased is { Count: > 0 })
            FormerLease = LeaseOf(replica);
        _attempt++;
    }

    /// <summary>
    /// Puts it under a lease that others of its session may come under too; one of its own it has no more. Call with
    /// the request locked.
    /// </summary>
    public void Share(SharedLease lease)
    {
        Leased?.Clear();
        Shared = lease;
        LeasedIn = lease.View.Terms.Generation;
    }

    /// <summary>
    /// Hands over the lease that it shares, to be left; nothing is leased for it any more. Call with the request
    /// locked.
    /// </summary>
    public SharedLease? TakeShared()
    {
        var lease = Shared;
        Shared = null;
        return lease;
    }

    /// <summary>
    /// The handle of a rule, or the first one: the name that a newly issued handle of that rule takes over.
    /// </summary>
    public SessionKey? HandleFor(int rule)
    {
        for (var i = 0; i < HandleCount; i++)
        {
            if (this[i].Rule == rule)
                return this[i].Key;
        }

        return HandleCount > 0 ? _first.Key : null;
    }
}
