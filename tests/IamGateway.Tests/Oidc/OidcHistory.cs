namespace IamGateway.Tests.Oidc;

/// <summary>
/// What the provider's store has seen: which version touched which record for which request, in the order of what
/// happened. Records that one request touches belong to one session from then on, whatever their names are.
/// </summary>
internal sealed class OidcHistory
{
    private readonly Dictionary<string, string> _parents = [];

    /// <summary>Judges entries "VERSION REQUEST KEY".</summary>
    public OidcHistory(IEnumerable<string> entries)
    {
        var touches = entries.Select(e => e.Split(' '))
            .Select(e => (Version: e[0], Request: e[1], Key: e[2])).ToArray();
        Touches = touches.Length;
        var reached = new Dictionary<string, VersionId>();
        var back = new HashSet<string>();
        var migrated = new HashSet<string>();
        foreach (var (version, request, key) in touches)
        {
            var now = VersionId.Parse(version);
            var (session, before) = Join(reached, Root(key), Root("request " + request));
            if (before is not null && now != before)
                (now < before ? back : migrated).Add(key);
            reached[session] = before is null || now > before ? now : before;
        }

        Back = back.Select(Root).Distinct().Count();
        Migrated = migrated.Select(Root).Distinct().Count();
        Sessions = reached.Count;
        Newer = reached.Count(r => r.Value.ToString() == OidcKind.Newer);
    }

    public int Touches { get; }

    public int Sessions { get; }

    /// <summary>Sessions that an older version touched after a newer one had.</summary>
    public int Back { get; }

    /// <summary>Sessions that began at the older version and went up.</summary>
    public int Migrated { get; }

    /// <summary>Sessions that the newer version has touched.</summary>
    public int Newer { get; }

    public override string ToString() =>
        $"{Touches} touches of {Sessions} sessions, {Newer} at {OidcKind.Newer}, {Migrated} migrated, {Back} back";

    /// <summary>From here on the two are one session, which is where the higher of them was.</summary>
    private (string Session, VersionId? Reached) Join(
        Dictionary<string, VersionId> reached, string first, string second)
    {
        reached.Remove(first, out var one);
        reached.Remove(second, out var other);
        _parents[second] = first;
        return (first, one is null || other is not null && other > one ? other : one);
    }

    private string Root(string name)
    {
        var root = name;
        while (_parents.TryGetValue(root, out var parent) && parent != root)
            root = parent;
        _parents.TryAdd(root, root);
        _parents[name] = root;
        return root;
    }
}
