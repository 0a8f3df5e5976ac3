namespace IamGateway.Bench.Load;

/// <summary>What the clients ask for.</summary>
internal sealed record Load(string Name, string Method, string Path)
{
    public static readonly Load[] All =
        [new("100B", "GET", "/small"), new("16KB", "GET", "/large"), new("token", "POST", "/token")];

    /// <summary>The session's handle stands in a form, and comes back in the answer's JSON.</summary>
    public bool IsForm => Method == "POST";

    public static Load Of(string name) => Array.Find(All, l => l.Name == name)
        ?? throw new ArgumentException($"There is no load '{name}': {string.Join(", ", All.Select(l => l.Name))}.");
}
