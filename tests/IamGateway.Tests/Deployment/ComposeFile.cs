using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace IamGateway.Tests.Deployment;

/// <summary>What config/compose.yaml starts, with its shared parts merged in.</summary>
internal static class ComposeFile
{
    /// <summary>The services by name.</summary>
    public static IReadOnlyDictionary<string, Service> Services { get; } = Read();

    private static Dictionary<string, Service> Read()
    {
        using var reader = new StringReader(Repository.Read("config/compose.yaml"));
        var file = new DeserializerBuilder().IgnoreUnmatchedProperties().Build()
            .Deserialize<File>(new MergingParser(new Parser(reader)));
        return file.Services;
    }

    internal sealed class File
    {
        [YamlMember(Alias = "services")]
        public Dictionary<string, Service> Services { get; set; } = [];
    }

    internal sealed class Service
    {
        [YamlMember(Alias = "image")]
        public string Image { get; set; } = "";

        [YamlMember(Alias = "entrypoint")]
        public List<string> Entrypoint { get; set; } = [];

        [YamlMember(Alias = "command")]
        public List<string> Command { get; set; } = [];

        [YamlMember(Alias = "volumes")]
        public List<string> Volumes { get; set; } = [];

        [YamlMember(Alias = "ports")]
        public List<string> Ports { get; set; } = [];

        [YamlMember(Alias = "stop_grace_period")]
        public string? StopGracePeriod { get; set; }

        [YamlMember(Alias = "environment")]
        public Dictionary<string, string> Environment { get; set; } = [];

        [YamlMember(Alias = "depends_on")]
        public Dictionary<string, object> DependsOn { get; set; } = [];

        /// <summary>Files of config/ by where the container sees them.</summary>
        public IEnumerable<(string Source, string Target)> Mounts() => Volumes
            .Where(v => v.StartsWith("./", StringComparison.Ordinal))
            .Select(v => v.Split(':')).Select(p => ($"config/{p[0][2..]}", p[1]));
    }
}
