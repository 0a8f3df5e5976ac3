namespace IamGateway.Tests;

/// <summary>Files of the repository that tests read: samples, dashboards, the README.</summary>
internal static class Repository
{
    private static readonly string Root = FindRoot();

    public static string Path(string name) => System.IO.Path.Combine(Root, name);

    public static string Read(string name) => File.ReadAllText(Path(name));

    public static IEnumerable<string> Files(string directory, string pattern) =>
        Directory.EnumerateFiles(Path(directory), pattern).Order();

    /// <summary>The rows of the first table under a heading of the README: the cells, without the backticks.</summary>
    public static IReadOnlyList<string[]> ReadmeTable(string heading)
    {
        var lines = File.ReadAllLines(Path("README.md"));
        var start = Array.FindIndex(lines, l => l.StartsWith('#') && l.TrimStart('#').Trim() == heading);
        Assert.True(start >= 0, $"README.md has no heading '{heading}'.");
        return
        [
            .. lines.Skip(start + 1).TakeWhile(l => !l.StartsWith('#')).SkipWhile(l => !l.StartsWith('|'))
                .TakeWhile(l => l.StartsWith('|')).Skip(2)
                .Select(l => l.Trim('|').Split('|').Select(c =>
                    c.Replace("`", "", StringComparison.Ordinal).Trim()).ToArray()),
        ];
    }

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(System.IO.Path.Combine(directory.FullName, "IamGateway.sln")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException(
            "The tests do not run inside the repository.");
    }
}
