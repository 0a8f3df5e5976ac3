using System.Text.Json;
using System.Text.RegularExpressions;

namespace IamGateway.Tests.Recording;

/// <summary>What whoever opens a dashboard at night needs of each panel: a unit, a sentence, the way on.</summary>
public sealed class DashboardStructureTests
{
    private const string Folder = "config/grafana/dashboards";

    public static TheoryData<string> Dashboards() =>
        [.. Repository.Files(Folder, "*.json").Select(f => Path.GetFileName(f))];

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void Panels_All_HaveUnitSentenceAndTheChosenDataSource(string file) => Assert.All(
        Dashboard.Panels(Load(file)), panel =>
        {
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.EndsWith(".", panel.GetProperty("description").GetString(), StringComparison.Ordinal);
            Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString()!);
            Assert.NotEmpty(panel.GetProperty("targets").EnumerateArray());
            Assert.All(
                panel.GetProperty("targets").EnumerateArray().Append(panel),
                p => Assert.Equal("${datasource}", p.GetProperty("datasource").GetProperty("uid").GetString()));
        });

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void Panels_All_HaveAnIdAndAPlaceOfTheirOwn(string file)
    {
        var panels = Load(file).GetProperty("panels").EnumerateArray().ToArray();

        Assert.Equal(panels.Length, panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        var taken = new HashSet<(int, int)>();
        foreach (var panel in panels)
        {
            var place = panel.GetProperty("gridPos");
            var (x, y) = (place.GetProperty("x").GetInt32(), place.GetProperty("y").GetInt32());
            var (width, height) = (place.GetProperty("w").GetInt32(), place.GetProperty("h").GetInt32());
            Assert.True(x + width <= 24, panel.GetProperty("title").GetString());
            for (var i = 0; i < width * height; i++)
                Assert.True(taken.Add((x + i % width, y + i / width)), panel.GetProperty("title").GetString());
        }
    }

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void FirstRow_OfEachDashboard_ShowsViolationsAndRefusals(string file)
    {
        var first = Load(file).GetProperty("panels").EnumerateArray().Skip(1)
            .TakeWhile(p => p.GetProperty("type").GetString() != "row").ToArray();

        Assert.Equal("Violations", first[0].GetProperty("title").GetString());
        Assert.Contains(
            first, p => p.GetProperty("title").GetString()!.StartsWith("Refused", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void Variables_InQueries_AreOffered(string file)
    {
        var dashboard = Load(file);
        var offered = dashboard.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Select(v => v.GetProperty("name").GetString()!).ToHashSet();

        var used = Regex.Matches(dashboard.GetProperty("panels").GetRawText(), @"\$\{?([a-z]+)\b")
            .Select(m => m.Groups[1].Value).Distinct().ToArray();

        Assert.Contains("datasource", used);
        Assert.Equal(offered.Order(), used.Order());
    }

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void WaysOn_OfEachDashboard_LeadToTheOthersAndTheRunbook(string file)
    {
        var links = Load(file).GetProperty("links").EnumerateArray().ToArray();
        var tag = Assert.Single(Load(file).GetProperty("tags").EnumerateArray()).GetString();

        Assert.Contains(links, l => l.GetProperty("type").GetString() == "dashboards"
            && l.GetProperty("tags").EnumerateArray().Any(t => t.GetString() == tag));
        var runbook = Assert.Single(links, l => l.GetProperty("type").GetString() == "link");
        Assert.True(File.Exists(Repository.Path(runbook.GetProperty("url").GetString()!)));
        Assert.NotEmpty(Load(file).GetProperty("annotations").GetProperty("list").EnumerateArray());
    }

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void Alerts_InSentences_AreThoseOfTheRules(string file)
    {
        var rules = Repository.Read("config/prometheus/alerts.yml");

        Assert.All(
            Regex.Matches(Repository.Read($"{Folder}/{file}"), @"alert (IamGateway\w+)"),
            m => Assert.Contains($"- alert: {m.Groups[1].Value}\n", rules, StringComparison.Ordinal));
    }

    [Fact]
    public void Uids_OfAll_AreTheirOwn()
    {
        var uids = Repository.Files(Folder, "*.json")
            .Select(f => Load(Path.GetFileName(f)).GetProperty("uid").GetString())
            .ToArray();

        Assert.Equal(3, uids.Length);
        Assert.Equal(uids.Length, uids.Distinct().Count());
    }

    private static JsonElement Load(string file) =>
        JsonDocument.Parse(Repository.Read($"{Folder}/{file}")).RootElement;
}
