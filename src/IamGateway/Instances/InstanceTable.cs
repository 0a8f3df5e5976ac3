using System.Collections.Frozen;
using IamGateway.Configuration;
using IamGateway.Routing;
using Yarp.ReverseProxy.Model;

namespace IamGateway.Instances;

/// <summary>
/// All instances of the IAM: the configuration's, with what the API has set over them and what they report of
/// themselves. One immutable snapshot, replaced whole.
/// </summary>
internal sealed class InstanceTable
{
    private readonly Lock _lock = new();
    private FrozenDictionary<string, InstanceOptions> _configured;
    private readonly bool _isProofNeeded;
    private readonly Dictionary<string, VersionId> _reported = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, VersionId> _before = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _fingerprints = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _problems = new(StringComparer.OrdinalIgnoreCase);
    private IReadOnlyList<InstanceOverride> _overrides = [];
    private FrozenDictionary<string, Instance> _all;
    private Narrowed? _narrowed;

    public InstanceTable(GatewaySettings settings)
    {
        _configured = settings.Instances.Where(i => !i.IsName)
            .ToFrozenDictionary(i => i.Id, StringComparer.OrdinalIgnoreCase);
        var discovery = settings.Options.Versions.Discovery;
        CanDiscover = discovery.Path is not null;
        _isProofNeeded = CanDiscover || discovery.Fingerprint is not null;
        _all = Build();
    }

    /// <summary>Raised after the set of addresses has changed.</summary>
    public event Action? AddressesChanged;

    /// <summary>Raised after the API or the configuration has changed anything.</summary>
    public event Action? Changed;

    public IReadOnlyCollection<Instance> All => Volatile.Read(ref _all).Values;

    public Instance? Find(string id) => Volatile.Read(ref _all).GetValueOrDefault(id);

    /// <summary>Instances can be asked for their version.</summary>
    public bool CanDiscover { get; }

    /// <summary>The instances at a host and port.</summary>
    public IEnumerable<Instance> At(string host, int port) => All.Where(i =>
        Uri.TryCreate(i.Address, UriKind.Absolute, out var address) && address.Port == port
        && address.IdnHost.Equals(host, StringComparison.OrdinalIgnoreCase));

    public bool IsConfigured(string id) => Volatile.Read(ref _configured).ContainsKey(id);

    /// <summary>The destination whose host name has led to an instance; null: it stands for itself.</summary>
    public string? ResolvedFrom(string id) => Volatile.Read(ref _configured).GetValueOrDefault(id)?.ResolvedFrom;

    /// <summary>The versions that the configuration names for instances.</summary>
    public IEnumerable<VersionId> ConfiguredVersions =>
        Volatile.Read(ref _configured).Values.Select(i => i.Version).OfType<VersionId>();

    /// <summary>
    /// Groups the destinations that YARP holds for available by version, leaving out what must not get sessions. Where
    /// health is checked, one that was never seen healthy is left out while others of its version are: it is starting.
    /// </summary>
    public VersionInstances Of(IReadOnlyList<DestinationState> available, bool isChecked = false)
    {
        var all = Volatile.Read(ref _all);
        if (_narrowed is { } narrowed && ReferenceEquals(narrowed.Source, available)
            && ReferenceEquals(narrowed.Table, all) && narrowed.IsChecked == isChecked)
            return narrowed.Result;
        var result = new VersionInstances(
        [
            .. available.Where(d => all.GetValueOrDefault(d.DestinationId) is { IsUsable: true })
                .GroupBy(d => all[d.DestinationId].Version!)
                .Select(g => (g.Key, (IReadOnlyList<DestinationState>)(isChecked ? Started(g) : [.. g]))),
        ], all);
        _narrowed = new Narrowed(available, all, isChecked, result);
        return result;
    }

    private static DestinationState[] Started(IEnumerable<DestinationState> instances)
    {
        DestinationState[] all = [.. instances];
        return Array.Exists(all, d => d.Health.Active == DestinationHealth.Healthy)
            ? Array.FindAll(all, d => d.Health.Active != DestinationHealth.Unknown)
            : all;
    }

    /// <summary>Nothing has changed since they were taken.</summary>
    public bool IsCurrent(VersionInstances taken) => ReferenceEquals(taken.Table, Volatile.Read(ref _all));

    /// <summary>Puts these in place of the instances that the configuration has named so far.</summary>
    public void Configure(IReadOnlyList<InstanceOptions> instances)
    {
        bool moved;
        lock (_lock)
        {
            if (_configured.Count == instances.Count
                && instances.All(i => _configured.TryGetValue(i.Id, out var before) && before == i))
                return;
            var all = _all;
            Volatile.Write(
                ref _configured, instances.ToFrozenDictionary(i => i.Id, StringComparer.OrdinalIgnoreCase));
            var next = ForgetMoved(all, Build());
            moved = !all.Values.Select(i => (i.Id, i.Address)).Order()
                .SequenceEqual(next.Values.Select(i => (i.Id, i.Address)).Order());
            Volatile.Write(ref _all, next);
        }

        if (moved)
            AddressesChanged?.Invoke();
        Changed?.Invoke();
    }

    /// <summary>Applies what the routing state says of instances.</summary>
    public void Apply(RoutingState state)
    {
        bool moved;
        lock (_lock)
        {
            if (_overrides.SequenceEqual(state.Instances))
                return;
            moved = !Addresses(_overrides).SequenceEqual(Addresses(state.Instances));
            _overrides = state.Instances;
            Volatile.Write(ref _all, ForgetMoved(_all, Build()));
        }

        if (moved)
            AddressesChanged?.Invoke();
        Changed?.Invoke();
    }

    /// <summary>
    /// Notes the version that an instance has proven; what was wrong with it is settled. Returns what it was taken for
    /// if that was another version, else null.
    /// </summary>
    public VersionId? Report(string id, VersionId version)
    {
        lock (_lock)
        {
            if (Find(id) is not { } instance || instance.Reported == version && instance.Problem is null)
                return null;
            var before = instance.Version == version ? null : instance.Version;
            if (before is not null)
                _before[id] = before;
            _reported[id] = version;
            _problems.Remove(id);
            Volatile.Write(ref _all, Build());
            return before;
        }
    }

    /// <summary>Notes the fingerprint that an instance was last seen with.</summary>
    public void Seen(string id, string fingerprint)
    {
        lock (_lock)
            _fingerprints[id] = fingerprint;
    }

    /// <summary>The fingerprint that an instance was last seen with.</summary>
    public string? FingerprintOf(string id)
    {
        lock (_lock)
            return _fingerprints.GetValueOrDefault(id);
    }

    /// <summary>
    /// Takes an instance out until it is proven anew; false: it is unknown, or was out for this reason already.
    /// </summary>
    public bool Quarantine(string id, string problem)
    {
        lock (_lock)
        {
            if (Find(id) is not { } instance || instance.Problem == problem)
                return false;
            _problems[id] = problem;
            Volatile.Write(ref _all, Build());
            return true;
        }
    }

    /// <summary>
    /// What was reported under an ID is of the process at its address, not of one at another address; what a
    /// fingerprint said of it rests on the version that was named.
    /// </summary>
    private FrozenDictionary<string, Instance> ForgetMoved(
        FrozenDictionary<string, Instance> before, FrozenDictionary<string, Instance> after)
    {
        var gone = before.Values
            .Where(i => after.GetValueOrDefault(i.Id) is not { } now || now.Address != i.Address
                || now.Named != i.Named && !CanDiscover)
            .ToArray();
        foreach (var instance in gone)
        {
            _reported.Remove(instance.Id);
            _before.Remove(instance.Id);
            _problems.Remove(instance.Id);
        }

        return gone.Length == 0 ? after : Build();
    }

    private static IEnumerable<(string Id, string Address)> Addresses(IReadOnlyList<InstanceOverride> overrides) =>
        overrides.Where(o => o.Address is not null).Select(o => (o.Id, o.Address!)).Order();

    private FrozenDictionary<string, Instance> Build()
    {
        var overrides = _overrides.ToDictionary(o => o.Id, StringComparer.OrdinalIgnoreCase);
        var configured = _configured.Values.Select(c =>
        {
            var set = overrides.GetValueOrDefault(c.Id);
            return Build(c.Id, set?.Address ?? c.Address.ToString(), set?.Version ?? c.Version, set?.Draining == true);
        });
        var added = _overrides.Where(o => o.Address is not null && !_configured.ContainsKey(o.Id))
            .Select(o => Build(o.Id, o.Address!, o.Version, o.Draining));
        return configured.Concat(added).ToFrozenDictionary(i => i.Id, StringComparer.OrdinalIgnoreCase);
    }

    private Instance Build(string id, string address, VersionId? believed, bool draining)
    {
        var reported = _reported.GetValueOrDefault(id);
        return new Instance(
            id, address, reported ?? believed, believed, reported, _before.GetValueOrDefault(id), draining,
            _problems.GetValueOrDefault(id), IsProven: reported is not null || !_isProofNeeded);
    }

    private sealed record Narrowed(
        IReadOnlyList<DestinationState> Source, FrozenDictionary<string, Instance> Table, bool IsChecked,
        VersionInstances Result);
}
