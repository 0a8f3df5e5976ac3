using k8s.Models;

namespace IamGateway.Tests.Deployment;

/// <summary>What the manifests use of the Prometheus Operator's ServiceMonitor.</summary>
internal sealed class ServiceMonitor
{
    public required string ApiVersion { get; set; }

    public required string Kind { get; set; }

    public required V1ObjectMeta Metadata { get; set; }

    public required MonitorSpec Spec { get; set; }

    internal sealed class MonitorSpec
    {
        public required V1LabelSelector Selector { get; set; }

        public required List<Endpoint> Endpoints { get; set; }
    }

    internal sealed class Endpoint
    {
        public required string Port { get; set; }

        public required string Path { get; set; }

        public string? Interval { get; set; }

        public string? ScrapeTimeout { get; set; }

        public bool HonorLabels { get; set; }

        public List<Relabeling> Relabelings { get; set; } = [];
    }

    internal sealed class Relabeling
    {
        public List<string>? SourceLabels { get; set; }

        public required string TargetLabel { get; set; }

        public string? Replacement { get; set; }
    }
}

/// <summary>The Prometheus Operator's PrometheusRule; its groups are those of a rules file.</summary>
internal sealed class PrometheusRule
{
    public required string ApiVersion { get; set; }

    public required string Kind { get; set; }

    public required V1ObjectMeta Metadata { get; set; }

    public required RulesFile Spec { get; set; }

    internal sealed class RulesFile
    {
        public required List<Group> Groups { get; set; }
    }

    internal sealed class Group
    {
        public required string Name { get; set; }

        public required List<Rule> Rules { get; set; }
    }

    internal sealed class Rule
    {
        public required string Alert { get; set; }

        public required string Expr { get; set; }

        public string? For { get; set; }

        public string? KeepFiringFor { get; set; }

        public required SortedDictionary<string, string> Labels { get; set; }

        public required SortedDictionary<string, string> Annotations { get; set; }
    }
}
