using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DemoIam;
using IamGateway.Configuration;
using IamGateway.Tests.Cli;
using IamGateway.Tests.Servers;
using Iamgw;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Deployment;

/// <summary>The Kubernetes manifests, rendered: valid by the API's types, and their parts fit one another.</summary>
public sealed partial class KubernetesTests
{
    public static TheoryData<string> Folders() => [.. Manifests.Folders];

    public static TheoryData<string> Overlays() => [.. Manifests.Overlays];

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task Objects_Rendered_AreOfKnownTypesInOneNamespace(string folder)
    {
        var manifests = await Manifests.RenderAsync(folder);

        Assert.NotEmpty(manifests.Objects);
        Assert.All(manifests.Objects.OfType<IKubernetesObject<V1ObjectMeta>>(), o => Assert.Equal(
            "iamgateway", o is V1Namespace ? o.Name() : o.Namespace()));
        var names = manifests.Objects.OfType<IKubernetesObject<V1ObjectMeta>>().Select(o => $"{o.Kind} {o.Name()}");
        Assert.Equal(names.Count(), names.Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task Pods_OfEveryWorkload_AreConfined(string folder) => Assert.All(
        (await Manifests.RenderAsync(folder)).Workloads(), workload =>
        {
            var pod = workload.Template.Spec;
            Assert.False(pod.AutomountServiceAccountToken);
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.True(pod.SecurityContext.RunAsUser > 0);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.All([.. pod.Containers, .. pod.InitContainers ?? []], container =>
            {
                Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
                Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
                Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
                Assert.Null(container.SecurityContext.Capabilities.Add);
                Assert.True(container.Resources.Limits.ContainsKey("memory"));
                Assert.True(container.Resources.Requests.ContainsKey("cpu"));
            });
        });

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Selectors_OfWorkloadsServicesAndPolicies_MatchPods(string overlay)
    {
        var manifests = await Manifests.RenderAsync(overlay);
        var pods = manifests.Workloads().ToArray();

        Assert.All(pods, p => Assert.True(Matches(p.Selector!, p.Template), p.Name));
        Assert.All(pods, p => Assert.All(
            p.Template.Spec.TopologySpreadConstraints ?? [],
            c => Assert.True(Matches(c.LabelSelector.MatchLabels, p.Template))));
        Assert.All(manifests.Of<V1PodDisruptionBudget>(), b => Assert.Contains(
            manifests.Of<V1StatefulSet>(), s => Matches(b.Spec.Selector.MatchLabels, s.Spec.Template)
                && s.Spec.Replicas > int.Parse(b.Spec.MaxUnavailable.Value)));
        Assert.All(manifests.Of<V1StatefulSet>(), s => Assert.Contains(
            manifests.Of<V1Service>(), v => v.Name() == s.Spec.ServiceName && v.Spec.ClusterIP == "None"));
        Assert.All(manifests.Of<V1NetworkPolicy>(), n => Assert.Contains(
            pods, p => Matches(n.Spec.PodSelector.MatchLabels, p.Template)));
        var outside = Destinations(manifests).Select(d => d.Service).ToHashSet();
        foreach (var service in manifests.Of<V1Service>())
        {
            var behind = pods.Where(p => Matches(service.Spec.Selector, p.Template)).ToArray();
            // The pods of a real IAM are not ours.
            Assert.True(behind.Length > 0 || outside.Contains(service.Name()), service.Name());
            Assert.All(behind, p => Assert.All(service.Spec.Ports, port => Assert.Contains(
                p.Template.Spec.Containers.SelectMany(c => c.Ports ?? []),
                c => c.Name == port.TargetPort?.Value || $"{c.ContainerPort}" == (port.TargetPort?.Value
                    ?? $"{port.Port}"))));
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task References_ToConfigMapsSecretsVolumesAndAccounts_LeadSomewhere(string folder)
    {
        var manifests = await Manifests.RenderAsync(folder);
        var maps = manifests.Of<V1ConfigMap>().Select(m => m.Name()).ToHashSet();
        var accounts = manifests.Of<V1ServiceAccount>().Select(a => a.Name()).ToHashSet();

        foreach (var (name, _, template) in manifests.Workloads())
        {
            var claims = manifests.Of<V1StatefulSet>().Where(s => s.Name() == name)
                .SelectMany(s => s.Spec.VolumeClaimTemplates ?? []).Select(c => c.Name());
            var volumes = (template.Spec.Volumes ?? []).Select(v => v.Name).Concat(claims).ToHashSet();
            Assert.All(
                template.Spec.Volumes ?? [],
                v => Assert.True(v.ConfigMap is null || maps.Contains(v.ConfigMap.Name), v.Name));
            Assert.True(template.Spec.ServiceAccountName is null or "default"
                || accounts.Contains(template.Spec.ServiceAccountName));
            Assert.All(
                template.Spec.Containers.SelectMany(c => c.VolumeMounts ?? []), m => Assert.Contains(m.Name, volumes));
            Assert.All(Secrets(template), s => Assert.True(
                s.Optional == true || SecretsOfReadme().Contains((s.Name, s.Key)), $"{s.Name} {s.Key}"));
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Configuration_OfTheOverlay_HasNoProblemAndNamesServicesOfItsVersions(string overlay)
    {
        var manifests = await Manifests.RenderAsync(overlay);
        var problems = new ConfigurationProblems();

        var settings = GatewaySettingsReader.Read(Configuration(manifests), "Production", problems);

        Assert.Empty(problems.Lines);
        Assert.Equal(2, settings!.Versions.Count);
        Assert.NotNull(settings.Redis);
        Assert.Contains(manifests.Of<V1Service>(), s => settings.Redis == $"{s.Name()}:{s.Spec.Ports[0].Port}");
        Assert.All(Destinations(manifests), d =>
        {
            var service = manifests.Of<V1Service>().Single(s => s.Name() == d.Service);
            Assert.Equal("None", service.Spec.ClusterIP);
            Assert.Equal(d.Version, service.Spec.Selector["app.kubernetes.io/version"]);
            Assert.All(d.Ports, p => Assert.Contains(service.Spec.Ports, s => s.Port == p));
            Assert.Contains(
                manifests.Of<V1NetworkPolicy>().Where(n => n.Name() == "iamgateway-to-iam")
                    .SelectMany(n => n.Spec.Egress),
                e => e.To[0].PodSelector.MatchLabels.All(l => service.Spec.Selector[l.Key] == l.Value)
                    && d.Ports.All(p => e.Ports.Any(o => o.Port.Value == $"{p}")));
        });
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Gateway_ListenersAndTimes_AreThoseOfThePod(string overlay)
    {
        var manifests = await Manifests.RenderAsync(overlay);
        var pod = GatewayPod(manifests).Spec;
        var ports = pod.Containers[0].Ports.ToDictionary(p => p.Name, p => p.ContainerPort);
        var configuration = Configuration(manifests);
        var options = GatewaySettingsReader.Read(configuration, "Production", new ConfigurationProblems())!.Options;

        Assert.Equal($"http://*:{ports["proxy"]}", configuration["Kestrel:Endpoints:Proxy:Url"]);
        Assert.Equal($"http://*:{ports["admin"]}", configuration["Kestrel:Endpoints:Admin:Url"]);
        Assert.Equal("--config", pod.Containers[0].Args[0]);
        Assert.Equal(
            pod.Containers[0].VolumeMounts.Single(m => m.Name == "config").MountPath + "/gateway.json",
            pod.Containers[0].Args[1]);
        Assert.True(
            pod.TerminationGracePeriodSeconds
                > (options.ShutdownDelay + options.ShutdownTimeout + options.Store.Timeout * 5).TotalSeconds);
        var ready = pod.Containers[0].ReadinessProbe;
        Assert.True(options.ShutdownDelay.TotalSeconds > ready.PeriodSeconds * ready.FailureThreshold);
    }

    [Fact]
    public async Task Probes_OfTheGateway_AskPathsThatAnswer()
    {
        await using var instance = await DemoIamInstance.StartAsync(
            new DemoIamOptions { Version = "8.2.1" }, new MemorySessionState());
        await using var gateway = await Gateway.StartAsync([instance]);
        var container = GatewayPod(await Manifests.RenderAsync(Manifests.Overlays[0])).Spec.Containers[0];

        foreach (var probe in new[] { container.StartupProbe, container.LivenessProbe, container.ReadinessProbe })
        {
            Assert.Equal("admin", probe.HttpGet.Port.Value);
            using var answer = await new HttpClient().GetAsync(new Uri(gateway.AdminAddress, probe.HttpGet.Path));
            Assert.True(answer.IsSuccessStatusCode, probe.HttpGet.Path);
        }
    }

    [Fact]
    public async Task Rollout_Job_IsACommandThatReachesTheAdminListener()
    {
        var job = (await Manifests.RenderAsync("rollout")).Of<V1Job>().Single();
        var overlay = await Manifests.RenderAsync("overlays/demo");
        var container = job.Spec.Template.Spec.Containers[0];
        var url = new Uri(container.Env.Single(e => e.Name == "IAMGW_URL").Value);
        var state = new MemorySessionState();
        await using var old = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.2.1" }, state);
        await using var next = await DemoIamInstance.StartAsync(new DemoIamOptions { Version = "8.3.0" }, state);
        await using var gateway = await Gateway.StartAsync([old, next]);

        // The command itself, but it only checks.
        var checkedRun = await new IamgwRun { Environment = { ["IAMGW_API_KEY"] = Gateway.Key } }.RunAsync(
            gateway.AdminAddress, [.. container.Args.Select(a => a == "--watch" ? "--dry-run" : a)]);

        Assert.True(checkedRun.ExitCode == ExitCode.Ok, checkedRun.Errors + checkedRun.Output);
        Assert.Contains(container.Env, e => e.Name == "IAMGW_API_KEY");
        Assert.Equal(0, job.Spec.BackoffLimit);
        Assert.Contains(
            overlay.Of<V1Service>(), s => s.Name() == url.Host && s.Spec.Ports.Any(p => p.Port == url.Port));
        Assert.Contains(
            overlay.Of<V1NetworkPolicy>().Where(n => n.Name() == "iamgateway").SelectMany(n => n.Spec.Ingress),
            i => i.Ports.Any(p => p.Port.Value == "admin")
                && i.FromProperty.Any(f => f.PodSelector is { } pods && Matches(pods.MatchLabels, job.Spec.Template)));
        Assert.Contains(Destinations(overlay), d => d.Version == container.Args[container.Args.IndexOf("--to") + 1]);
    }

    [Fact]
    public async Task ServiceMonitor_Endpoint_IsScrapedAsThePrometheusOfTheSamples()
    {
        var monitor = (await Manifests.RenderAsync("monitoring")).Of<ServiceMonitor>().Single();
        var overlay = await Manifests.RenderAsync(Manifests.Overlays[0]);
        var endpoint = Assert.Single(monitor.Spec.Endpoints);

        var service = Assert.Single(overlay.Of<V1Service>(), s => monitor.Spec.Selector.MatchLabels.All(l =>
            s.Metadata.Labels.TryGetValue(l.Key, out var value) && value == l.Value));

        Assert.Contains(service.Spec.Ports, p => p.Name == endpoint.Port);
        Assert.True(endpoint.HonorLabels);
        Assert.Equal("/metrics", endpoint.Path);
        Assert.Contains(endpoint.Relabelings, r => r.TargetLabel == "gateway");
        Assert.Contains(endpoint.Relabelings, r => r is { TargetLabel: "job", Replacement: "iamgateway" });
    }

    [Fact]
    public async Task PrometheusRule_Groups_AreThoseOfTheRulesFile()
    {
        var rule = (await Manifests.RenderAsync("monitoring")).Of<PrometheusRule>().Single();

        var file = KubernetesYaml.Deserialize<PrometheusRule.RulesFile>(
            Repository.Read("config/prometheus/alerts.yml"), strict: true);

        Assert.NotEmpty(file.Groups[0].Rules);
        Assert.Equal(JsonSerializer.Serialize(file), JsonSerializer.Serialize(rule.Spec));
    }

    private static V1PodTemplateSpec GatewayPod(Manifests manifests) =>
        manifests.Of<V1StatefulSet>().Single(s => s.Name() == "iamgateway").Spec.Template;

    private static bool Matches(IDictionary<string, string> selector, V1PodTemplateSpec pod) => selector.All(l =>
        pod.Metadata.Labels.TryGetValue(l.Key, out var value) && value == l.Value);

    private static IEnumerable<V1SecretKeySelector> Secrets(V1PodTemplateSpec pod) => pod.Spec.Containers
        .SelectMany(c => c.Env ?? []).Select(e => e.ValueFrom?.SecretKeyRef).OfType<V1SecretKeySelector>();

    /// <summary>The secrets that the README tells to create, with their keys.</summary>
    private static HashSet<(string Name, string Key)> SecretsOfReadme() =>
    [
        .. Secret().Matches(Repository.Read("README.md")).SelectMany(m => m.Groups["key"].Captures.Select(k =>
            (m.Groups["name"].Value, k.Value))),
    ];

    /// <summary>What the overlay's gateway reads: the file of its config map, and above it the environment.</summary>
    private static IConfiguration Configuration(Manifests manifests)
    {
        var pod = GatewayPod(manifests).Spec;
        var map = manifests.Of<V1ConfigMap>().Single(m => m.Name() == pod.Volumes.Single(v =>
            v.Name == "config").ConfigMap.Name);
        var secret = new Dictionary<string, string?>
        {
            ["api-key-sha256"] = new('0', 64),
            ["witness-key"] = Convert.ToBase64String(new byte[32]),
        };
        return new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(map.Data["gateway.json"])))
            .AddInMemoryCollection(pod.Containers[0].Env
                .Where(e => e.Name.Contains("__", StringComparison.Ordinal)
                    && e.ValueFrom?.SecretKeyRef.Optional != true)
                .Select(e => KeyValuePair.Create(
                    e.Name.Replace("__", ":", StringComparison.Ordinal),
                    e.Value ?? secret[e.ValueFrom.SecretKeyRef.Key])))
            .Build();
    }

    private static IEnumerable<(string Service, string Version, int[] Ports)> Destinations(Manifests manifests) =>
    [
        .. Configuration(manifests).GetSection("ReverseProxy:Clusters:iam:Destinations").GetChildren().Select(d =>
        {
            Assert.Equal("dns", d["Metadata:Resolve"]);
            var address = new Uri(d["Address"]!);
            var health = new Uri(d["Health"] ?? d["Address"]!);
            Assert.Equal(address.Host, health.Host);
            return (address.Host, d["Metadata:Version"]!, new[] { address.Port, health.Port });
        }),
    ];

    [GeneratedRegex(
        @"create secret generic (?<name>[a-z-]+)(?:\s+\\?\s*--from-literal=(?<key>[a-z0-9-]+)=\S+)+")]
    private static partial Regex Secret();
}
