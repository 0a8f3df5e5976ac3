namespace IamGateway.Tests.Oidc;

/// <summary>
/// What the provider's store has seen: which version touched which record for which request, in the order of what
/// happened. Records that one request touches belong to one session, whatever their names are.
/// </summary>
internal sealed class OidcHistory
{
    private readonly Dictionary<string, string> _parents = [];

    /// <summary>Judges entries "VERSION REQUEST KEY".</summary>
    public OidcHistory(IEnumerable<string> entries)
    {
        var touches = entries.Select(e => e.Split(' '))
            .Select(e => (Version: e[0], Request: e[1], Key: e[2])).ToArray();
        foreach (var (_, request, key) in touches)
            _parents[Root(key)] = Root("request " + request);
        Touches = touches.Length;
        var reached = new Dictionary<string, VersionId>();
        var back = new HashSet<string>();
        var migrated = new HashSet<string>();
        foreach (var (version, _, key) in touches)
        {
            var session = Root(key);
            var now = VersionId.Parse(version);
            if (!reached.TryGetValue(session, out var before))
                before = now;
            if (now != before)
                (now < before ? back : migrated).Add(session);
            reached[session] = now > before ? now : before;
        }

        Sessions = reached.Count;
        Back = back.Count;
        Migrated = migrated.Count;
        Newer = reached.Count(r => r.Value.ToString() == OidcProvider.Newer);
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
        $"{Touches} touches of {Sessions} sessions, {Newer} at {OidcProvider.Newer}, {Migrated} migrated, {Back} back";

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
