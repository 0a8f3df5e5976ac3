using System.Text.RegularExpressions;

namespace IamGateway.Tests;

/// <summary>Rules of the house that the compiler does not know.</summary>
public sealed class TidyTests
{
    private const int MaxLines = 400;
    private const int MaxColumns = 120;
    private static readonly string Quotes = new('"', 3);

    // Event IDs by folder, so that an ID says where it comes from and is never given twice.
    private static readonly Dictionary<string, int> EventRanges = new()
    {
        ["Sessions"] = 1000,
        ["Pins"] = 2000,
        ["Routing"] = 3000,
        ["Rollouts"] = 4000,
        ["Instances"] = 5000,
        ["Forwarding"] = 6000,
        ["Recording"] = 7000,
        ["Admin"] = 8000,
    };

    [Fact]
    public void Files_OfSourceAndTests_AreShortEnough() => Assert.All(
        Files("src", "tests"), f => Assert.True(File.ReadLines(f).Count() <= MaxLines, $"{Name(f)} is too long."));

    [Fact]
    public void Lines_OfSourceAndTests_AreNarrowEnough() => Assert.Empty(Files("src", "tests").SelectMany(WideLines));

    // Raw literals may hold what must stay one line, such as a command to copy.
    private static IEnumerable<string> WideLines(string file)
    {
        var isLiteral = false;
        foreach (var (index, line) in File.ReadLines(file).Index())
        {
            var quotes = line.Split(Quotes).Length - 1;
            if (!isLiteral && quotes == 0 && line.EnumerateRunes().Count() > MaxColumns)
                yield return $"{Name(file)}:{index + 1}";
            isLiteral ^= quotes % 2 == 1;
        }
    }

    [Fact]
    public void EventIds_OfLogMessages_AreUniqueAndOfTheirFolder()
    {
        var ids = Files("src/IamGateway")
            .SelectMany(f => Regex.Matches(File.ReadAllText(f), @"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")
                .Select(m => (Folder: Path.GetFileName(Path.GetDirectoryName(f)!), Id: int.Parse(m.Groups[1].Value))))
            .ToArray();

        Assert.NotEmpty(ids);
        Assert.Empty(ids.GroupBy(i => i.Id).Where(g => g.Count() > 1).Select(g => g.Key));
        Assert.All(ids, i => Assert.True(
            !EventRanges.TryGetValue(i.Folder, out var first) || i.Id / 1000 == first / 1000, $"{i.Folder}: {i.Id}"));
    }

    [Fact]
    public void LogMessages_OfTheGateway_AreAllGenerated() => Assert.Empty(Places(
        line => Regex.IsMatch(line, @"\.Log(Trace|Debug|Information|Warning|Error|Critical)\("), "src/IamGateway"));

    [Theory]
    [InlineData(@"\bDateTime\.(Utc)?Now\b")]
    [InlineData(@"\bDateTimeOffset\.(Utc)?Now\b")]
    [InlineData(@"\bRandom\.Shared\b")]
    [InlineData(@"\bThread\.Sleep\(")]
    [InlineData(@"\bTask\.Delay\((?!.*\b[Tt]ime\b)")]
    public void TimeAndChance_InGatewayAndCommandLine_AreInjected(string pattern) =>
        Assert.Empty(Places(line => Regex.IsMatch(line, pattern), "src/IamGateway", "src/Iamgw"));

    private static IEnumerable<string> Places(Func<string, bool> isBad, params string[] folders) => Files(folders)
        .SelectMany(f => File.ReadLines(f).Index().Where(l => isBad(l.Item)).Select(l => $"{Name(f)}:{l.Index + 1}"));

    private static IEnumerable<string> Files(params string[] folders) => folders
        .SelectMany(f => Directory.EnumerateFiles(Path.Combine(Root(), f), "*.cs", SearchOption.AllDirectories))
        .Where(f => !Regex.IsMatch(f, @"[/\\](obj|bin)[/\\]"));

    private static string Name(string file) => Path.GetRelativePath(Root(), file);

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "IamGateway.sln")))
            folder = folder.Parent
                ?? throw new DirectoryNotFoundException("The tests do not run inside the source tree.");
        return folder.FullName;
    }
}
