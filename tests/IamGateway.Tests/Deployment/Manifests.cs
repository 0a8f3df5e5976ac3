using System.Diagnostics;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;

namespace IamGateway.Tests.Deployment;

/// <summary>
/// The Kubernetes objects of one Kustomize folder as kubectl renders them, read strictly: a field that the API does not
/// know, or one given twice, is an error.
/// </summary>
internal sealed partial class Manifests
{
    private static readonly Dictionary<string, Type> Types = new()
    {
        ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(ServiceMonitor),
        ["monitoring.coreos.com/v1/PrometheusRule"] = typeof(PrometheusRule),
    };

    private Manifests(IReadOnlyList<object> objects) => Objects = objects;

    public IReadOnlyList<object> Objects { get; }

    /// <summary>Every folder that is applied by itself, below config/kubernetes.</summary>
    public static string[] Folders { get; } =
    [
        "monitoring", "rollout",
        .. Directory.EnumerateDirectories(Repository.Path("config/kubernetes/overlays"))
            .Select(d => $"overlays/{Path.GetFileName(d)}").Order(),
    ];

    /// <summary>The overlays: whole gateways.</summary>
    public static string[] Overlays { get; } =
        [.. Folders.Where(f => f.StartsWith("overlays/", StringComparison.Ordinal))];

    public IEnumerable<T> Of<T>() => Objects.OfType<T>();

    /// <summary>Where pods come from: the object's name, the labels its selector wants, and the template.</summary>
    public IEnumerable<(string Name, IDictionary<string, string>? Selector, V1PodTemplateSpec Template)> Workloads() =>
    [
        .. Of<V1StatefulSet>().Select(s => (s.Name(), s.Spec.Selector.MatchLabels, s.Spec.Template)),
        .. Of<V1Deployment>().Select(d => (d.Name(), d.Spec.Selector.MatchLabels, d.Spec.Template)),
        .. Of<V1Job>().Select(j => (j.Name(), (IDictionary<string, string>?)null, j.Spec.Template)),
    ];

    public static async Task<Manifests> RenderAsync(string folder)
    {
        var copy = Directory.CreateTempSubdirectory("iamgw-kustomize-");
        try
        {
            var isOld = await KubectlMinorAsync() < 21;
            foreach (var file in Directory.EnumerateFiles(
                Repository.Path("config/kubernetes"), "*", SearchOption.AllDirectories))
            {
                var to = Path.Combine(
                    copy.FullName, Path.GetRelativePath(Repository.Path("config/kubernetes"), file));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                var text = await File.ReadAllTextAsync(file);
                await File.WriteAllTextAsync(
                    to, isOld && Path.GetFileName(file) == "kustomization.yaml" ? ForOldKubectl(text) : text);
            }

            return new Manifests(KubernetesYaml.LoadAllFromString(
                await RunAsync("kustomize", Path.Combine(copy.FullName, folder)), Types, strict: true));
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    // Debian 12 has kubectl 1.20, whose Kustomize wants folders under "bases" instead of "resources".
    private static string ForOldKubectl(string kustomization)
    {
        var folders = string.Concat(Folder().Matches(kustomization).Select(m => m.Value));
        return folders.Length == 0
            ? kustomization
            : $"{Folder().Replace(kustomization, "").TrimEnd()}\nbases:\n{folders}";
    }

    private static async Task<int> KubectlMinorAsync() =>
        int.Parse(Minor().Match(await RunAsync("version", "--client")).Groups[1].Value);

    private static async Task<string> RunAsync(params string[] arguments)
    {
        using var kubectl = Process.Start(new ProcessStartInfo("kubectl", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = kubectl.StandardOutput.ReadToEndAsync();
        var errors = kubectl.StandardError.ReadToEndAsync();
        await kubectl.WaitForExitAsync();
        Assert.True(kubectl.ExitCode == 0, $"kubectl {string.Join(' ', arguments)}: {await errors}");
        return await output;
    }

    [GeneratedRegex(@"^  - \.\./.*\n", RegexOptions.Multiline)]
    private static partial Regex Folder();

    [GeneratedRegex(@"v1\.(\d+)\.")]
    private static partial Regex Minor();
}
